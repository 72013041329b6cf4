"""``doctor`` on real servers: what it can reach, and the exact words for the right that is missing."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from optimus_tui.__main__ import run
from optimus_tui.assets import asset_dir
from optimus_tui.cli.doctor import OPTIONAL
from optimus_tui.probes.load_meter import LoadMeter
from optimus_tui.probes.redis.observer import observer_client
from optimus_tui.probes.redis.rights import Rights, read_rights
from optimus_tui.settings.model import RedisTarget, Secret
from tests.hostile import HostileServer, hostile_server, reply
from tests.patience import PATIENCE
from tests.realserver import RealServer, nobody_port

OBSERVER = (
    "resetkeys resetchannels -@all %R~rate_limit:* %R~cache:* %R~cache_coherence* &cache_coherence:* "
    "+hello +auth +ping +client|setname +client|id +client|no-evict +info +dbsize +time +scan +type +exists +ttl +pttl "
    "+get +mget +strlen +lrange +llen +object|encoding +object|idletime +memory|usage +eval_ro +subscribe +psubscribe "
    "+unsubscribe +punsubscribe +pubsub|channels +pubsub|numsub +pubsub|numpat +slowlog|len +slowlog|get "
    "+latency|latest +acl|whoami"
)


async def rights_of(server: RealServer, user: str | None = None, password: str = "CANARY") -> Rights:
    secret = Secret(password) if user else None
    target = RedisTarget(host="127.0.0.1", port=server.port, username=user, password=secret)
    client = observer_client(target, LoadMeter())
    try:
        return await read_rights(client)
    finally:
        await client.aclose()


def acl(server: RealServer, user: str, rules: str) -> None:
    assert server.command("ACL", "SETUSER", user, "on", ">CANARY", *rules.split()) == b"+OK\r\n"


async def test_a_login_that_may_everything_misses_nothing(server: RealServer) -> None:
    rights = await rights_of(server)
    assert rights.user == "default" and rights.missing == ()
    assert {right.state for right in rights.tried} == {"granted"}


async def test_the_recommended_login_misses_only_details_row_40(make_server: Callable[..., RealServer]) -> None:
    server = make_server()
    acl(server, "obs", OBSERVER)
    rights = await rights_of(server, "obs")
    assert rights.user == "obs"
    assert [right for right in rights.missing if right.essential] == []
    assert "+hlen" in rights.acl_line


async def test_every_missing_right_is_named_and_the_line_repairs_it_rows_40_41(
    make_server: Callable[..., RealServer],
) -> None:
    server = make_server()
    for rules in (
        "resetchannels -@all +ping",
        "resetchannels +@all -scan -info -eval_ro ~rate_limit:*",
        "allkeys allchannels -@all +type +scan",
        "allkeys allchannels -@all",
    ):
        acl(server, "poor", rules)
        for _ in range(2):  # patterns show only to a login that may run a command on them
            rights = await rights_of(server, "poor")
            assert "not tried" not in [right.state for right in rights.tried] or rights.missing
            if rights.missing:
                words = rights.acl_line.split()
                assert words[:3] == ["ACL", "SETUSER", "poor"]
                assert server.command(*words) == b"+OK\r\n", words
        rights = await rights_of(server, "poor")
        assert {right.state for right in rights.tried} == {"granted"}, rules
        server.command("ACL", "DELUSER", "poor")


class Stack:
    """A gateway and engine that answer as told, on a thread of their own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.server: HostileServer

    def _run(self) -> None:
        self.loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        self.stop = asyncio.Event()
        async with hostile_server() as self.server:
            self.ready.set()
            await self.stop.wait()


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HostileServer]:
    one = Stack()
    one.thread.start()
    assert one.ready.wait(PATIENCE)
    one.server.on("/health", reply(b'{"status":"ok","version":"9\\u001b[2J"}'))
    one.server.on("/api/cache/metrics", reply(b'{"hit_rate":0.85,"total_keys":1}'))
    one.server.on("/api/rate-limits", reply(b'{"window_seconds":60,"limits":{"chat":150}}'))
    one.server.on("/api/v1/query?query=1", reply(b'{"status":"success"}'))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BACKEND_ORCHESTRATOR_URL", one.server.url)
    monkeypatch.setenv("AI_ENGINE_URL", one.server.url)
    monkeypatch.setenv("PROMETHEUS_URL", one.server.url)
    yield one.server
    one.loop.call_soon_threadsafe(one.stop.set)
    one.thread.join(PATIENCE)
    one.loop.close()


def test_doctor_says_all_is_well_with_values_and_sources(
    server: RealServer, stack: HostileServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REDIS_URL", server.url)
    assert run(["doctor", "--refresh", "5"]) == 0
    shown = capsys.readouterr().out
    assert all(len(line) <= 80 for line in shown.splitlines())
    assert "(REDIS_URL)" in shown and "(--refresh)" in shown and "(BACKEND_ORCHESTRATOR_URL)" in shown
    assert "WRONG" not in shown and "\x1b" not in shown
    for words in ("healthy in", "connected in", "version 9\\x1b[2J", "primary", "hit rate 85 %", "answers queries"):
        assert words in shown
    assert "postgres    not configured" in shown


def test_doctor_says_what_does_not_answer_and_ends_with_1_rows_33_40_44(
    make_server: Callable[..., RealServer],
    stack: HostileServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server = make_server()
    acl(server, "obs", OBSERVER + " -scan -eval_ro resetchannels")
    monkeypatch.setenv("REDIS_URL", f"redis://obs:CANARY@127.0.0.1:{server.port}/0")
    assert run(["doctor"]) == 1
    shown = capsys.readouterr().out
    assert "ACL SETUSER obs " in shown and "+scan" in shown and "&cache_coherence:*" in shown
    monkeypatch.setenv("REDIS_URL", f"redis://obs:CANARYwrong@127.0.0.1:{server.port}/0")
    assert run(["doctor"]) == 1
    assert "refuses the password" in " ".join(capsys.readouterr().out.split())
    stack.on("/health", reply(b"<html>", kind=b"text/html"))
    monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{nobody_port()}")
    monkeypatch.setenv("POSTGRES_DSN", f"postgresql://u:CANARY@127.0.0.1:{nobody_port()}/x")
    assert run(["doctor"]) == 1
    both = capsys.readouterr()
    shown = " ".join((both.out + both.err).split())
    assert "text/html instead of JSON" in shown
    assert "connection refused" in shown
    assert "no server answers at the Postgres address" in shown
    assert "CANARY" not in shown


def test_doctor_on_a_silent_server_ends_soon_row_49(
    stack: HostileServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        place = f"127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setenv("REDIS_URL", f"redis://{place}")
        monkeypatch.setenv("POSTGRES_DSN", f"postgresql://u:CANARY@{place}/x")
        assert run(["doctor"]) == 1
    shown = capsys.readouterr().out
    assert "no answer" in shown and "does not answer" in shown


def test_the_readmes_login_is_whole_and_the_rest_is_optional_row_40(
    make_server: Callable[..., RealServer],
    stack: HostileServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    page = (asset_dir("styles").parent / "docs" / "security.md").read_text("utf-8")
    line = next(line for line in page.splitlines() if line.startswith("ACL SETUSER optimus_observer"))
    server = make_server()
    assert server.command(*line.replace("CHANGE-ME", "CANARY").split()) == b"+OK\r\n"
    monkeypatch.setenv("REDIS_URL", f"redis://optimus_observer:CANARY@127.0.0.1:{server.port}/0")
    assert run(["doctor"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "user optimus_observer: all 26 rights for what the panes show" in shown
    assert "optional, for more detail: +exists" in shown and "panes show less" not in shown
    detail = next(line for line in page.splitlines() if line.startswith("ACL SETUSER optimus_observer +exists"))
    assert set(detail.split()[3:]) == OPTIONAL
    assert server.command(*detail.split()) == b"+OK\r\n"
    assert run(["doctor"]) == 0
    assert "optional, for more detail" not in " ".join(capsys.readouterr().out.split())


def test_doctors_help_says_its_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "Exit code 0: all that is configured answers" in shown and "1: something is WRONG" in shown


def test_doctor_names_settings_as_a_file_does_and_says_which_header_is_not_sent(
    server: RealServer, stack: HostileServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:  # fmt: skip
    text = '[dialect]\nextends = "limits"\n[dialect.gateway]\nheader_env = "GATEWAY_KEY"\n'
    (tmp_path / "optimus.toml").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REDIS_URL", server.url)
    assert run(["doctor"]) == 1
    shown = capsys.readouterr().out
    named = {
        line.split()[0]
        for line in shown.partition("Settings\n")[2].partition("\n\n")[0].splitlines()
        if line[2:3] > " "
    }
    assert "backend_orchestrator_url" in named and "ai_engine_url" in named
    assert named.isdisjoint({"gateway_url", "engine_url", "source_path", "operator_redis"}), "no file has these"
    assert "GATEWAY_KEY is not set" in " ".join(shown.split())
    monkeypatch.setenv("GATEWAY_KEY", "Authorization: Bearer CANARY")
    assert run(["doctor"]) == 0
    shown = capsys.readouterr().out
    assert "GATEWAY_KEY" not in shown and "CANARY" not in shown


def test_doctor_marks_names_that_nothing_reads_and_not_the_preset_that_does(
    server: RealServer, stack: HostileServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server.command("SET", "LIMITS:LIMITER/acme//api/chat/10/1/minute", "3", "EX", "50")
    monkeypatch.setenv("REDIS_URL", server.url)
    assert run(["doctor"]) == 1
    marks = [line.split()[:3] for line in capsys.readouterr().out.splitlines() if line.split()[1:2] == ["names"]]
    assert marks[:2] == [["WRONG", "names", "optimus"], ["note", "names", "limits"]]
    monkeypatch.setenv("OPTIMUS_DIALECT", "limits")
    assert run(["doctor"]) == 0
    marks = [line.split()[:3] for line in capsys.readouterr().out.splitlines() if line.split()[1:2] == ["names"]]
    assert marks == [["ok", "names", "limits"]]


def test_the_library_of_the_metrics_is_found_beside_the_limiter_and_both_are_written(
    server: RealServer, stack: HostileServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server.command("SET", "LIMITS:LIMITER/acme//api/chat/10/1/minute", "3", "EX", "50")
    page = b'http_requests_total{handler="/chat",method="GET",status="2xx"} 3.0\n'
    stack.on("/metrics", reply(page, kind=b"text/plain"))
    monkeypatch.setenv("REDIS_URL", server.url)
    assert run(["dialect", "detect"]) == 0
    shown = capsys.readouterr().out
    assert 'extends = ["limits", "instrumentator"]' in shown
    assert "instrumentator fits the gateway: /metrics has http_requests_total{handler}" in " ".join(shown.split())
    assert run(["doctor"]) == 1
    assert "instrumentator fits the gateway" in " ".join(capsys.readouterr().out.split())
