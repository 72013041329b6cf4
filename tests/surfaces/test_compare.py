"""``compare``: literal tenants side by side, and a question mark for what nobody can tell."""

import json
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
from rich.cells import cell_len

from optimus_tui.__main__ import run
from optimus_tui.cli.reports.compare import table
from optimus_tui.contract.tools.state import TenantFigures
from tests.hostile import HostileServer
from tests.live.probes.driver import PASSWORD, add_user
from tests.patience import PATIENCE
from tests.realserver import RealServer, nobody_port

Capture = pytest.CaptureFixture[str]


def fill(server: RealServer) -> None:
    for tenant, used in (("demo_dentist", 142), ("clinic_a", 31), ("a*", 3), ("acme", 1)):
        server.command("SET", f"rate_limit:{tenant}:chat", str(used), "EX", "60")
        server.command("SET", f"cache:conversation:{tenant}:1", "x", "EX", "60")
    server.command("SET", "rate_limit:clinic_b:chat", "400")
    server.command("SET", "cache:conversation:acme:2", "x")


def test_each_tenant_has_its_own_figures(world: HostileServer, server: RealServer, capsys: Capture) -> None:
    fill(server)
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    server.command("LPUSH", "cache_coherence_events", f'{{"type":"x","tenant_id":"acme","timestamp":"{now}"}}')
    assert run(["compare", "demo_dentist", "acme", "nobody", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    dentist, acme, nobody = document["tenants"]
    assert (dentist["counters"], dentist["current_count"], dentist["limit"]) == (1, 142, 150)
    assert dentist["share"] == 0.9467 and dentist["share_of_all_counters"] == 0.2
    assert (acme["cache_keys"], acme["cache_keys_without_ttl"], acme["events"]) == (2, 1, 1)
    assert nobody["counters"] == nobody["events"] == 0 and nobody["share"] is None
    assert dentist["refused"] is None and dentist["latency_p95_ms"] is None
    assert any(reason.startswith("refused: ") for reason in document["unknown"])


def test_a_blocked_tenant_is_a_finding_of_its_own_comparison_only(
    world: HostileServer, server: RealServer, capsys: Capture
) -> None:
    fill(server)
    assert run(["compare", "clinic_b", "acme"]) == 1
    assert "clinic_b / chat never resets" in " ".join(capsys.readouterr().out.split())
    assert run(["compare", "clinic_a", "acme"]) == 0


def test_names_are_literal_bytes_rows_1_to_24(world: HostileServer, server: RealServer) -> None:
    fill(server)
    server.command("SET", b"rate_limit:x\xff:chat", "7", "EX", "60")
    names = [b"*", b"a*", b"x\xff", b"\x1b[2J", b"[red]a[/]"]
    done = subprocess.run(
        [sys.executable, "-m", "optimus_tui", "compare", "--json", *names], capture_output=True, timeout=20
    )
    assert done.returncode == 0, done.stderr
    found = {one["tenant_id"]: one["counters"] for one in json.loads(done.stdout)["tenants"]}
    assert found == {"*": 0, "a*": 1, "x\\xff": 1, "\\x1b[2J": 0, "[red]a[/]": 0}
    done = subprocess.run(
        [sys.executable, "-m", "optimus_tui", "compare", *names], capture_output=True, timeout=PATIENCE
    )
    assert done.returncode == 0 and b"\x1b" not in done.stdout and "x\\xff" in done.stdout.decode()


def test_without_redis_there_is_no_comparison(
    world: HostileServer, capsys: Capture, monkeypatch: pytest.MonkeyPatch, make_server: Callable[..., RealServer]
) -> None:
    monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{nobody_port()}")
    assert run(["compare", "a", "--json"]) == 3
    shown = capsys.readouterr()
    assert json.loads(shown.out)["error"]["code"] == "unreachable" and "refused" in shown.err
    server = make_server()
    monkeypatch.setenv("REDIS_URL", server.url)
    server.freeze()
    try:
        assert run(["compare", "a"]) == 3
        assert server.is_frozen
    finally:
        server.thaw()


def test_without_a_gateway_the_limits_are_not_known(
    world: HostileServer, server: RealServer, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(server)
    monkeypatch.setenv("BACKEND_ORCHESTRATOR_URL", f"http://127.0.0.1:{nobody_port()}")
    assert run(["compare", "demo_dentist"]) == 0
    shown = capsys.readouterr().out
    assert "?" in shown and "limits: nobody answers at" in " ".join(shown.split())


@pytest.mark.parametrize("words", [[], [""], ["x" * 5000], [f"t{n}" for n in range(21)], ["a", "--minutes", "0"]])
def test_a_mistake_is_2(words: list[str], world: HostileServer, capsys: Capture) -> None:
    assert run(["compare", *words]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_table_fits_the_width(width: int) -> None:
    names = ["demo_dentist", "会社の名前", "x" * 300, "a", "b", "c"]
    lines = list(table([TenantFigures(tenant_id=name) for name in names], width))
    assert all(cell_len(line) <= width for line in lines)
    assert "会社の名前" in "".join(lines)


def test_a_percentile_out_of_a_histogram_is_an_estimate_or_a_bound_and_one_mark_stands_for_unknown() -> None:
    tenants = [
        TenantFigures(tenant_id="a", counters=0, latency_p95_ms=320.4),
        TenantFigures(tenant_id="b", counters=2, latency_p95_bound="≤ 10 s"),
        TenantFigures(tenant_id="c"),
    ]
    rows = {line[:18].strip(): line[18:].split("   ") for line in table(tenants, 200)}
    assert [one.strip() for one in rows["latency p95"] if one.strip()] == ["≈ 320 ms", "≤ 10 s", "?"]
    assert [one.strip() for one in rows["fullest"] if one.strip()] == ["–", "?", "?"]  # no counter, and nobody knows
    assert [one.strip() for one in rows["used / limit"] if one.strip()] == ["–", "? / ?", "? / ?"]


def test_without_scan_the_rest_is_compared_and_the_keys_are_unknown(
    world: HostileServer, server: RealServer, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(server)
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    server.command("LPUSH", "cache_coherence_events", f'{{"type":"x","tenant_id":"acme","timestamp":"{now}"}}')
    add_user(server, "eventsonly", "-scan -eval_ro")
    monkeypatch.setenv("REDIS_URL", f"redis://eventsonly:{PASSWORD}@127.0.0.1:{server.port}")
    assert run(["compare", "acme", "clinic_b", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    acme, clinic = document["tenants"]
    assert (acme["events"], acme["counters"], acme["cache_keys"], clinic["immortal"]) == (1, None, None, None)
    assert [one["rule"] for one in document["diagnostics"]] == ["compare.unmeasured"]


def test_a_tenant_without_a_trace_is_named(world: HostileServer, server: RealServer, capsys: Capture) -> None:
    fill(server)
    assert run(["compare", "acme", "nosuch"]) == 0
    shown = capsys.readouterr().out
    assert "nosuch has no key, counter or event" in shown and "acme has no" not in shown


def test_where_all_tenants_are_over_the_limit_is_named_and_no_client(
    world: HostileServer, server: RealServer, capsys: Capture
) -> None:
    for number in range(9):
        server.command("SET", f"rate_limit:t{number}:chat", "200", "EX", "60")
    server.command("SET", "rate_limit:t0:list", "3", "EX", "60")
    assert run(["compare", "t0", "t1", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    (one,) = [row for row in document["diagnostics"] if row["rule"] == "limits.over"]
    assert one["message"].startswith("all 9 tenants have used up the limit of 150 for chat: the limit is too low")
    assert one["subject"] == "limit of chat"
    for number in range(2, 9):
        server.command("SET", f"rate_limit:t{number}:chat", "3", "EX", "60")
    assert run(["compare", "t0", "t1", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert [row["subject"] for row in document["diagnostics"]] == ["t0 / chat", "t1 / chat"]
