"""The command log on a real server: what passed on the wire is in it, and what is in it passed on the wire."""

import asyncio
import random
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from redis.exceptions import RedisError

from optimus_tui.actions.redis.operator_connection import Permit, open_operator_connection
from optimus_tui.context import Context
from optimus_tui.contract.actions import Refusal
from optimus_tui.probes.cache_keys import read_preview
from optimus_tui.probes.http.fetch import FETCH_ERRORS, Posted, fetch, new_http_client
from optimus_tui.probes.redis.commands import CommandRefused
from optimus_tui.probes.round_trips import CommandLog, attributed_to
from optimus_tui.sampling.sampler import Sampler
from optimus_tui.settings.model import Settings
from optimus_tui.tools.answer import answer
from optimus_tui.tui.command_log.lines import LoggedCommand, pasted
from tests.live.actions.driver import carried_out, local, planned, put
from tests.live.probes.driver import add_user, target_of
from tests.live.probes.tap import Tap
from tests.memory import holds
from tests.realserver import RealServer, nobody_port

pytestmark = pytest.mark.live


@contextmanager
def tapping(server: RealServer) -> Iterator[Tap]:
    tap = Tap(server.port)
    try:
        yield tap
    finally:
        tap.stop()


def told(log: CommandLog) -> Counter[bytes]:
    """How many commands of each name the log says were sent."""
    names: Counter[bytes] = Counter()
    for trip in log.since()[0]:
        if trip.sent and not trip.is_http:
            names.update(words[0].upper() for words in trip.commands)  # type: ignore[misc]
    for fold in log.polls():
        if not fold.trip.is_http:
            names[fold.words[0].upper()] += fold.count  # type: ignore[index]
    return names


def passed(tap: Tap) -> Counter[bytes]:
    return Counter(words[0].upper() for words in tap.commands)


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.02)


async def until_equal(log: CommandLog, tap: Tap) -> None:
    """What was written arrives at the tap in its own time."""
    await until(lambda: told(log) == passed(tap))
    assert told(log) == passed(tap)


async def test_polls_tools_previews_and_an_action_are_all_in_the_log_and_nothing_else_is(
    server: RealServer, tmp_path: Path
) -> None:
    from optimus_tui.actions.service import ActionService

    put(server, *[f"cache:conv:acme:{at}" for at in range(250)], "rate_limit:acme:chat")
    put(server, "rate_limit:acme:export", ttl=60)
    with tapping(server) as tap:
        nobody = f"http://127.0.0.1:{nobody_port()}"
        context = Context(
            Settings(environment="test", writable=True, redis=local(tap.port), gateway_url=nobody, engine_url=nobody)
        )
        seen: set[str] = set()
        sampler = Sampler(context, lambda subject, _: seen.add(subject))
        tasks = [asyncio.create_task(loop()) for name, loop in sampler.loops().items() if name != "postgres"]
        for name in ("diagnose_gateway_health", "test_ai_engine_integration", "analyze_cache_coherence"):
            await answer(context, name, {})
        await answer(context, "analyze_performance_metrics", {"metric_type": "cache_performance"})
        with attributed_to("value"):
            await read_preview(context.redis, b"cache:conv:acme:7")
        action_service = ActionService(context, tmp_path)
        assert not isinstance(await action_service.arm("test"), Refusal)
        for kind in ("repair_counter", "unlink_no_ttl", "invalidate_tenant"):
            more = {"window_seconds": 60} if kind == "repair_counter" else {}
            await carried_out(action_service, await planned(action_service, kind, **more))  # type: ignore[arg-type]
        await until(lambda: {"limits", "cache", "feed", "health"} <= seen and _polled(context, b"PSUBSCRIBE"))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        action_service.close()
        await context.aclose()
        await until_equal(context.log, tap)
        names = passed(tap)
        assert names[b"UNLINK"] >= 250
        assert names[b"PUBLISH"] == 1
        assert names[b"EXPIRE"] >= 1
        assert names[b"PSUBSCRIBE"] == 1
        kept = {words for trip in context.log.since()[0] for words in trip.commands}
        assert {tuple(words) for words in tap.commands if words[0] in (b"UNLINK", b"EXPIRE", b"PUBLISH")} <= kept
        labels = {trip.behalf.label for trip in context.log.since()[0]}
        assert {"value", "diagnose_gateway_health", "arm", "plan unlink_no_ttl", "unlink_no_ttl"} <= labels
        assert not any(trip.outcome(0) == "waiting" for trip in context.log.since()[0])


def _polled(context: Context, name: bytes) -> bool:
    return any(fold.words[0] == name for fold in context.log.polls())


async def test_what_is_refused_is_marked_and_never_passes_the_wire(server: RealServer) -> None:
    with tapping(server) as tap:
        context = Context(Settings(redis=local(tap.port)))
        for words in (("DEL", "k"), ("CONFIG", "SET", "x", "y"), ("FLUSHALL",)):
            with pytest.raises(CommandRefused):
                await context.redis.execute_command(*words)
        with pytest.raises(CommandRefused):
            context.redis.pipeline().execute_command("GETDEL", "k")
        wire = await open_operator_connection(local(tap.port), Permit(), context.own)
        with pytest.raises(CommandRefused):
            await wire.ask(b"UNLINK", b"k")
        await wire.close()
        await context.aclose()
        refused = [trip for trip in context.log.since()[0] if not trip.sent]
        assert [trip.commands[0][0] for trip in refused] == [b"DEL", b"CONFIG", b"FLUSHALL", b"GETDEL", b"UNLINK"]
        assert all(trip.end.startswith("refused, never sent: ") for trip in refused)
        assert not {b"DEL", b"CONFIG", b"FLUSHALL", b"GETDEL", b"UNLINK"} & set(passed(tap))
        await until_equal(context.log, tap)


async def test_no_password_is_in_the_log_whatever_connection_logged_in(make_server: object) -> None:
    server: RealServer = make_server()  # type: ignore[operator]
    target = add_user(server, "ops")
    wrong = target_of(server.port, "ops", "CANARY-77")
    for login, canary in ((target, b"CHANGE-ME"), (wrong, b"CANARY-77")):
        context = Context(Settings(redis=login))
        context.feed.start()
        try:
            await context.redis.ping()
        except RedisError as error:
            assert "CANARY" not in str(error)
        await until(partial(_polled, context, b"AUTH"))
        await asyncio.to_thread(context.feed.stop)
        await context.aclose()
        logins = [fold for fold in context.log.polls() if fold.words[0] in (b"HELLO", b"AUTH")]
        assert {fold.words[0] for fold in logins} == {b"HELLO", b"AUTH"}
        names = [(fold.words, fold.error) for fold in context.log.polls()]
        assert not holds(names, canary)
        assert not holds([[trip.commands, trip.errors, trip.end] for trip in context.log.since()[0]], canary)


async def test_a_server_that_goes_silent_leaves_no_answer_in_the_log() -> None:
    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.current_task())
        while line := await reader.readline():
            words = [(await reader.readline(), await reader.readline())[1].strip() for _ in range(int(line[1:]))]
            if words[0] in (b"HELLO", b"CLIENT"):
                writer.write(b"%0\r\n" if words[0] == b"HELLO" else b"+OK\r\n")
            elif words[0] == b"PTTL":
                break
        writer.close()

    serving: list[asyncio.Task[None] | None] = []
    fake = await asyncio.start_server(mute, "127.0.0.1", 0)
    context = Context(Settings(redis=local(fake.sockets[0].getsockname()[1])))
    for name in ("GET", "PTTL"):
        with pytest.raises((RedisError, OSError)):
            await context.redis.execute_command(name, "k")
    await context.aclose()
    await asyncio.gather(*[task for task in serving if task])
    fake.close()
    ends = {trip.commands[0][0]: trip.outcome(0) for trip in context.log.since()[0]}
    assert ends == {b"GET": "no answer: none came in time", b"PTTL": "no answer: the connection broke"}
    assert all(trip.took_ms is None for trip in context.log.since()[0])


async def test_requests_are_in_the_log_with_status_and_without_a_secret() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 503 no\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        writer.close()

    got: list[bytes] = []
    fake = await asyncio.start_server(serve, "127.0.0.1", 0)
    place = f"127.0.0.1:{fake.sockets[0].getsockname()[1]}"
    log = CommandLog()
    async with new_http_client(log) as http:
        http.headers["X-API-Key"] = "CANARY-1"
        await fetch(http, f"http://me:CANARY-2@{place}/health?token=CANARY-3&x=1")
        headers = {b"X-Tenant-ID": b"acme", b"Authorization": b"Bearer CANARY-4", b"Content-Type": b"application/json"}
        await fetch(http, f"http://{place}/api/chat", post=Posted(b'{"a":1}', headers))
        with pytest.raises(FETCH_ERRORS):
            await fetch(http, f"http://127.0.0.1:{nobody_port()}/health")
    fake.close()
    first, second, third = log.since()[0]
    assert first.commands == ((b"GET", f"http://{place}/health?token=***".encode()),)
    assert (first.outcome(0), second.outcome(0), third.outcome(0)) == ("503", "503", "no connection, never sent")
    assert not third.sent
    assert b"CANARY-1" in got[0]
    assert not holds([[trip.commands, trip.headers, trip.body, trip.end] for trip in log.since()[0]], b"CANARY")
    line = pasted(LoggedCommand(second, 0, second.commands[0]), Settings())
    assert "X-Tenant-ID: acme" in line
    assert """--data-raw '{"a":1}'""" in line


@pytest.mark.skipif(shutil.which("redis-cli") is None, reason="no redis-cli on this machine")
async def test_a_real_redis_cli_sends_what_was_pasted_byte_for_byte_row_11(server: RealServer) -> None:
    rng = random.Random(11)
    names = [b"a\0b", b"-x", b"*", b"$(id)", b"`id`", b"'\"", b"\n\n", b"!!", b""]
    names += [rng.randbytes(rng.randrange(1, 24)) for _ in range(51)]
    with tapping(server) as tap:
        context = Context(Settings(redis=local(tap.port)))
        for name in names:
            await context.redis.execute_command("GET", name)
        await context.aclose()
        trips = context.log.since()[0]
        mark = len(tap.commands)
        lines = [pasted(LoggedCommand(trip, 0, trip.commands[0]), context.settings) for trip in trips]
        script = "\n".join(lines)
        done = await asyncio.to_thread(subprocess.run, ["bash", "-c", script], capture_output=True, timeout=60)
        assert done.returncode == 0
        sent = [words for words in tap.commands[mark:] if words[0] == b"GET"]
        assert sent == [[b"GET", name] for name in names]
