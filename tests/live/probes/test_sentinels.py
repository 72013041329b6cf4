"""Three real sentinels over a primary and its replica: only their word proves which server is the primary."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator

import pytest
from msgspec.structs import replace
from redis.exceptions import InvalidResponse

from optimus_tui.clock import Clock
from optimus_tui.contract.reading import Fault, Reading
from optimus_tui.contract.services import ServerState
from optimus_tui.probes.cluster import read_watched
from optimus_tui.probes.events.feed import FeedReader
from optimus_tui.probes.faults import fault_of
from optimus_tui.probes.load_meter import LoadMeter
from optimus_tui.probes.redis.dialing import NodeAway, SentinelFound, Unproven
from optimus_tui.probes.redis.observer import ObserverRedis
from optimus_tui.probes.server import read_behind_sentinels, read_server
from optimus_tui.settings.model import RedisTarget, Secret
from optimus_tui.verdicts.gateway.services import judge_server
from optimus_tui.wording.safe import redis_cli
from tests.live.probes.driver import observing, run_sweep, target_of
from tests.live.probes.scripted import ScriptedServer
from tests.realcluster import RealSentinels, cluster_binary, raw, say, until

PASSWORD = "CHANGE-ME"


@pytest.fixture(scope="module")
def sentinels() -> Iterator[RealSentinels]:
    running = RealSentinels(cluster_binary(), PASSWORD).start()
    try:
        say(running.servers[0], "SET", "cache:conv:t1:a", "1", "EX", "600")
        yield running
    finally:
        running.stop()


def target(sentinels: RealSentinels, service: str = "mymaster", password: str | None = PASSWORD) -> RedisTarget:
    (host, port), *others = sentinels.seeds
    return RedisTarget(
        topology="sentinel",
        host=host,
        port=port,
        others=tuple(others),
        service=service,
        sentinel_password=Secret(password) if password else None,
    )


def forwarded(link: socket.socket, words: list[bytes]) -> bytes:
    """Ask a real sentinel, and return its reply as it came."""
    link.sendall(b"".join([b"*%d\r\n" % len(words), *(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)]))
    return link.recv(1 << 16)


async def reached(redis: ObserverRedis) -> int:
    assert redis.sentinels is not None
    return (await redis.sentinels.primary(now=True)).target.port


async def test_the_primary_is_found_with_the_login_of_the_sentinels_apart(sentinels: RealSentinels) -> None:
    async with observing(target(sentinels)) as redis:
        assert await reached(redis) == sentinels.servers[0]
        assert await redis.execute_command("GET", "cache:conv:t1:a") == b"1"
        _, outcome = await run_sweep(redis)
        reading = await read_server(redis, redis.target, redis.own, Clock())
    assert (outcome.complete, outcome.total) == (True, 1)
    assert reading.value is not None and reading.value.role == "primary"


def fault_kind(state: ServerState) -> str:
    return state.node.fault.kind if state.node is not None and state.node.fault is not None else ""


async def test_the_sentinels_word_and_each_server_are_read_also_while_some_are_away(sentinels: RealSentinels) -> None:
    first, second = sentinels.servers
    replica, sentinel = sentinels.nodes[1], sentinels.nodes[-1]

    async def read_one(node: ObserverRedis) -> Reading[ServerState]:
        """All but the primary answer."""
        reading = await read_server(node, node.target, node.own, Clock())
        return reading if node.target.port != first else replace(reading, value=None, fault=Fault("refused", "gone"))

    async with observing(target(sentinels)) as redis:
        state = (await read_server(redis, redis.target, redis.own, Clock())).value
        assert state is not None and state.sentinels is not None
        assert (state.sentinels.answering, state.sentinels.naming, state.sentinels.proven) == (3, 3, True)
        facts = [(one.node.place, one.node.role, one.node.fault) for one in state.nodes if one.node is not None]
        assert facts == [(f"127.0.0.1:{first}", "primary", None), (f"127.0.0.1:{second}", "replica", None)]
        assert state.nodes[1].node is not None and state.nodes[1].node.lag_bytes is not None
        try:
            replica.signal(signal.SIGSTOP)
            sentinel.kill()
            assert await reached(redis) == first
            told = await read_behind_sentinels(redis, redis.own, Clock())
            assert told is not None and told.reading.value is not None, "what hangs costs its own row alone"
            assert (told.sentinels.answering, told.sentinels.naming) == (2, 2)
            assert [fault_kind(node) for node in told.nodes] == ["", "timeout"] and told.nodes[1].latency_ms is None
            replica.signal(signal.SIGCONT)
            assert redis.sentinels is not None
            told = await read_watched(redis.sentinels, read_one, Clock())
            assert told.reading.value is None and told.reading.fault is not None
            assert [fault_kind(node) for node in told.nodes] == ["refused", ""], "who is left is told beside the fault"
        finally:
            replica.signal(signal.SIGCONT)
            sentinel.start()
            until(lambda: raw(sentinels.ports[-1], "PING"))


async def test_one_lost_answer_is_no_alarm_and_a_silence_is_not_asked_for_by_each_command(
    sentinels: RealSentinels,
) -> None:
    lost: list[int] = []
    with socket.create_connection(("127.0.0.1", sentinels.ports[0]), 5) as link:

        def through(words: list[bytes]) -> bytes | None:
            """The answer of a real sentinel, unless it is to be lost on its way."""
            if words[0] == b"SENTINEL" and lost:
                lost.pop()
                return None
            return forwarded(link, words)

        way = ScriptedServer(through)
        aim = replace(target(sentinels), port=way.port, others=())
        async with observing(aim) as redis:
            assert await reached(redis) == sentinels.servers[0]
            lost += [1]
            assert await reached(redis) == sentinels.servers[0] and not lost
            lost += [1, 1]
            with pytest.raises(NodeAway):
                await reached(redis)
            asked = len(way.commands)
            with pytest.raises(NodeAway):
                await redis.execute_command("GET", "cache:conv:t1:a")
            assert len(way.commands) == asked and not lost, "what was just found is not asked for again"
        way.stop()


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (b"+OK\r\n", "a reply that should be a list is none"),
        (b"$-1\r\n", "a reply that should be a list is none"),
        (b"*1\r\n:7\r\n", "names a replica without an address"),
        (b"*1\r\n*2\r\n$4\r\nname\r\n$1\r\nx\r\n", "names a replica without an address"),
        (b"*0\r\n", ""),
    ],
)
async def test_a_strange_word_about_replicas_is_not_that_there_are_none(
    sentinels: RealSentinels, reply: bytes, why: str
) -> None:
    with socket.create_connection(("127.0.0.1", sentinels.ports[0]), 5) as link:

        def through(words: list[bytes]) -> bytes | None:
            if words[:2] == [b"SENTINEL", b"REPLICAS"]:
                return reply
            return forwarded(link, words)

        way = ScriptedServer(through)
        async with observing(replace(target(sentinels), port=way.port, others=())) as redis:
            assert await reached(redis) == sentinels.servers[0]
            told = await read_behind_sentinels(redis, redis.own, Clock())
            assert told is not None and redis.sentinels is not None
            if why:
                with pytest.raises(InvalidResponse, match=why):
                    await redis.sentinels.copies()
            else:
                assert await redis.sentinels.copies() == ()
        way.stop()


async def test_while_no_sentinel_answers_the_last_primary_is_not_shown_as_live(sentinels: RealSentinels) -> None:
    async with observing(target(sentinels)) as redis:
        assert await reached(redis) == sentinels.servers[0]
        try:
            for one in sentinels.nodes[2:]:
                one.kill()
            with pytest.raises(NodeAway):
                await reached(redis)
            reading = await read_server(redis, redis.target, redis.own, Clock())
            (finding,) = judge_server(reading)
            place = f"127.0.0.1:{sentinels.servers[0]}"
            assert (finding.rule, finding.severity) == ("server.unproven", "high")
            assert finding.message.endswith(f"; {place}, which they named before, answers")
            state = reading.value
            assert state is not None and state.sentinels is not None
            assert (state.keys, state.sentinels.answering) == (None, 0), "no figure of it passes for the primary's"
            assert [(one.keys, fault_kind(one)) for one in state.nodes] == [(None, "role")]
            sentinels.nodes[0].signal(signal.SIGSTOP)
            (finding,) = judge_server(await read_server(redis, redis.target, redis.own, Clock()))
            assert (finding.rule, finding.severity) == ("server.unproven", "critical")
            assert finding.message.startswith("none of 3 sentinels answers: sentinel 127.0.0.1:")
            assert finding.message.endswith(f"nor does {place}, the primary that they named before")
        finally:
            sentinels.nodes[0].signal(signal.SIGCONT)
            for one in sentinels.nodes[2:]:
                one.start()
        until(lambda: all(raw(port, "PING") for port in sentinels.ports))
        assert await reached(redis) == sentinels.servers[0]
        assert judge_server(await read_server(redis, redis.target, redis.own, Clock())) == []


@pytest.mark.parametrize(
    ("service", "password", "error"),
    [("nobody", PASSWORD, Unproven), ("mymaster", "wrong", NodeAway), ("mymaster", None, NodeAway)],
)
async def test_sentinels_that_do_not_say_are_told_in_a_sentence(
    sentinels: RealSentinels, service: str, password: str | None, error: type[Exception]
) -> None:
    async with observing(target(sentinels, service, password)) as redis:
        with pytest.raises(error) as caught:
            await redis.execute_command("GET", "cache:conv:t1:a")
    fault = fault_of(caught.value, redis.target)
    assert fault.message and PASSWORD not in fault.message
    assert fault.kind == ("role" if error is Unproven else "auth")


async def test_a_plain_address_of_a_sentinel_is_refused_with_the_right_form(sentinels: RealSentinels) -> None:
    port = sentinels.ports[0]
    async with observing(target_of(port, password=PASSWORD)) as redis:
        with pytest.raises(SentinelFound) as caught:
            await redis.execute_command("GET", "cache:conv:t1:a")
    assert "redis+sentinel://" in (fault_of(caught.value, redis.target).remedy or "")


async def test_a_primary_in_office_no_longer_is_left_although_it_says_it_is_one(sentinels: RealSentinels) -> None:
    old, new = sentinels.servers
    async with observing(target(sentinels)) as redis:
        reader = FeedReader(redis.target, LoadMeter(), Clock(), nodes=redis.live_targets)
        assert await reached(redis) == old
        reader.start()
        try:
            until(lambda: reader.drain().status.state == "live")
            say_to_sentinel(sentinels, "SENTINEL", "FAILOVER", "mymaster")
            until(lambda: b"role:master" in raw(new, "INFO replication"))
            until(lambda: all(named_by(port) == new for port in sentinels.ports))
            assert await reached(redis) == new
            assert redis.sentinels is not None
            assert [(one.old, one.new) for one in redis.sentinels.failovers] == [
                (f"127.0.0.1:{old}", f"127.0.0.1:{new}")
            ]
            until(lambda: reader.drain().status.gaps == 1)
            until(lambda: reader.drain().status.state == "live")
            assert reader.target.port == new
        finally:
            reader.stop()


def say_to_sentinel(sentinels: RealSentinels, *words: str) -> None:
    import redis

    with redis.Redis(port=sentinels.ports[0], password=PASSWORD, protocol=2, driver_info=None) as client:
        client.execute_command(*words)


def named_by(port: int) -> int:
    import redis

    with redis.Redis(port=port, password=PASSWORD, protocol=2, driver_info=None) as client:
        return int(client.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster")[1])


@pytest.mark.skipif(shutil.which("redis-cli") is None, reason="no redis-cli here")
def test_a_copied_line_asks_the_sentinels_where_the_primary_is(sentinels: RealSentinels) -> None:
    line = redis_cli(target(sentinels), ["ROLE"])
    done = subprocess.run(["sh", "-c", line], env={**os.environ, "REDISCLI_AUTH": PASSWORD}, capture_output=True)
    assert done.stdout.startswith(b"master"), done
