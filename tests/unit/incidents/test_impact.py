"""What an incident cost a tenant, from samples that were recorded: counts, shares, and since when until when."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from optimus_tui.context import Context
from optimus_tui.contract.incident import IncidentState
from optimus_tui.incidents.impact import tenant_impact
from optimus_tui.settings.model import Settings
from optimus_tui.wording.numbers import clock
from tests.fixed_clock import FixedClock
from tests.unit.workflow.driver import IMMORTAL, Play, found, outcome

NOW = 1_795_000_000.0
PUBLISHED = {f"published.{name}": 1.0 for name in ("http_requests_total", "rate_limit_refused_total")}


@pytest.fixture
async def ctx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Context]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    made = Context(Settings(environment="impact"), FixedClock(NOW), keep_log=False)
    yield made
    await made.store.close()


def record(ctx: Context, ago: float, values: Mapping[str, float], process: float = 1.0) -> None:
    ctx.store.put(NOW - ago, {**PUBLISHED, "metrics.process": process, "metrics.started": process, **values})


def requests(tenant: str, status: str) -> str:
    return f"http_requests_total|route=/chat|status={status}|tenant={tenant}"


def about(subject: str) -> IncidentState:
    play = Play()
    play.run("health", outcome(found("limits.over", "high", subject)))
    return play.state


async def test_refused_requests_are_counted_with_their_share_and_their_time(ctx: Context) -> None:
    for ago in range(600, -1, -30):
        refused = max(0, min(10, (420 - ago) // 30))  # grows from 390 s ago until 120 s ago
        values = {requests("acme", "200"): 600.0 - ago, requests("beta", "200"): 7.0}
        record(ctx, ago, {**values, "rate_limit_refused_total|tenant=acme": float(refused)})
    ((name, measured),) = await tenant_impact(ctx, about("acme / chat"), 10)
    assert name == "tenant acme"
    assert measured.headline == (
        "600 requests, 10 refused with 429 (1.7 %), none failed with 5xx; "
        f"seen first at {clock(NOW - 390)}, last at {clock(NOW - 120)} UTC"
    )
    assert {one.name: one.value for one in measured.figures} == {"requests": 600, "refused": 10, "failed": 0}


async def test_two_processes_are_not_taken_for_growth(ctx: Context) -> None:
    for ago in range(600, -1, -30):
        process = 1.0 + (ago // 30) % 2
        values = {requests("acme", "500"): 4.0 if process == 1.0 else 900.0, requests("acme", "200"): 600.0 - ago}
        record(ctx, ago, values, process)
    ((_, measured),) = await tenant_impact(ctx, about("acme / chat"), 10)
    assert "none failed with 5xx" in measured.headline and "seen" not in measured.headline


async def test_without_a_tenant_of_its_own_it_tells_of_those_that_were_hurt_most(ctx: Context) -> None:
    for ago in (600, 300, 0):
        grown = (600.0 - ago) / 100
        values = {requests("beta", "502"): grown, requests("acme", "503"): 2 * grown, requests("calm", "200"): grown}
        record(ctx, ago, values)
    found_ = await tenant_impact(ctx, IncidentState(id="1"), 10)
    assert [name for name, _ in found_] == ["tenant acme", "tenant beta"]
    assert all("failed with 5xx (100 %)" in measured.headline for _, measured in found_)


async def test_what_was_not_recorded_is_unknown_and_never_zero(ctx: Context) -> None:
    play = Play()
    play.run("health", outcome(IMMORTAL))
    ((name, measured),) = await tenant_impact(ctx, play.state, 10)
    assert name == "tenant acme" and measured.verdict == "unknown"
    assert measured.headline.startswith("unknown: ") and "0" not in measured.headline
