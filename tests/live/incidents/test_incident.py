"""An incident on a real server: from the alarm to a fix that a check proved, interrupted, resumed and written up."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from optimus_tui.contract import incident_events as happened
from optimus_tui.contract.incident import KeptReceipt
from optimus_tui.incidents.errors import IncidentError
from optimus_tui.incidents.open import capture, listed, measure, open_incident, resume_incident, unfinished
from optimus_tui.incidents.postmortem import export
from optimus_tui.settings.tuning import TUNING, Tuning
from optimus_tui.workflow.standing import mttr
from tests.hostile import silence
from tests.live.tools.driver import system
from tests.realserver import RealServer

pytestmark = pytest.mark.live


def immortal(server: RealServer) -> None:
    server.command("SET", "rate_limit:acme:chat", "12")
    server.command("SET", "rate_limit:other:chat", "3", "EX", "1000")


async def test_from_the_alarm_to_a_proven_fix_and_the_post_mortem(server: RealServer, tmp_path: Path) -> None:
    immortal(server)
    root = tmp_path / "incidents"
    async with system(server.port, tmp_path) as (context, _):
        for ago in range(600, 0, -30):
            context.store.put(context.clock.wall() - ago, {"latency.engine": 40.0, "x|a=b": 1.0})
        incident_service = await open_incident(context, "acme is blocked", root=root)
        assert await capture(incident_service) == 1, "labelled series are not kept"
        trips = context.own.trips
        step = await incident_service.run()
        assert context.own.trips - trips <= 20, "round trips of step 1"
        assert (step.plan.id, incident_service.state.severity) == ("health", "critical")
        best = incident_service.state.candidates[0]
        assert (best.issue, best.tenant) == ("rate_limiting", "acme")
        with pytest.raises(IncidentError, match="choose"):
            await incident_service.run()
        await incident_service.choose(best.issue, best.tenant)
        trips = context.own.trips
        step = await incident_service.run()
        assert context.own.trips - trips <= 20, "round trips of step 1"
        assert step.outcome is not None
        assert step.arguments["tenant_id"] == "acme"
        advice = next(one for one in incident_service.state.advice if one.kind == "repair_counter")
        assert "EXPIRE rate_limit:acme:chat 60 NX" in (advice.command or "")
        await incident_service.run()
        trips = context.own.trips
        step = await incident_service.run()
        assert context.own.trips - trips <= 20, "round trips of step 1"
        assert (step.plan.id, step.outcome and step.outcome.verdict) == ("integration", "all_pass")
        server.command("EXPIRE", "rate_limit:acme:chat", "60", "NX")
        receipt = KeptReceipt(action_id="a1", kind="repair_counter", tenant="acme", counts={"done": 1}, planned=1)
        record = await incident_service.acted(receipt, advice.id)
        assert record.verdict == "fixed", record.checks
        assert {check.step for check in record.checks} == {"health", "identify"}
        await incident_service.done("apply")
        await measure(incident_service)
        await incident_service.close_incident("INCR without EXPIRE", "window given back")
        page = await export(incident_service, "html")
        await incident_service.aclose()
    text = page.read_text("utf-8")
    assert "<svg" in text and "window given back" in text and "a1" in text
    (one,) = listed(root)
    assert (one.state.status, one.state.timeline) == ("closed", incident_service.state.timeline)
    assert mttr(one.state) is not None
    assert all(entry.at.server is not None for entry in one.state.timeline), "the server's clock was heard"
    assert unfinished("default", root) == []


async def test_an_incident_left_in_the_middle_of_a_step_is_offered_and_goes_on(
    server: RealServer, tmp_path: Path
) -> None:
    async with system(server.port, tmp_path) as (context, _):
        incident_service = await open_incident(context, root=tmp_path)
        await incident_service.tell(lambda at: happened.StepStarted(at=at, step="health"))
        assert unfinished("default", tmp_path) == [], "it is open here"
        second = await resume_incident(context, 1, root=tmp_path)
        assert "open elsewhere" in second.read_only
        with pytest.raises(IncidentError, match="read-only") as refused:
            await second.note("x")
        assert refused.value.exit_code == 4
        await second.aclose()
        incident_service.timeline.close()  # as the end of a process does
        (offered,) = unfinished("default", tmp_path)
        again = await resume_incident(context, offered.number, root=tmp_path)
        assert again.state.running is None
        assert again.state.timeline[-1].mark == "open"
        step = await again.run()
        assert (step.plan.id, step.status) == ("health", "done")
        await again.aclose()


@pytest.mark.parametrize("pause", [0, 0.001, 0.003, 0.05])
async def test_a_tool_without_result_fails_its_step_and_a_cancelled_one_is_recorded(
    server: RealServer, tmp_path: Path, monkeypatch: Any, pause: float
) -> None:
    async def hangs(*_: object) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr("optimus_tui.tools.integration._run_all", hangs)  # its parts have bounds of their own
    async with system(server.port, tmp_path) as (context, gateway):
        gateway.on("/health", silence)
        incident_service = await open_incident(context, root=tmp_path)
        context.tuning = Tuning(tool_seconds=0.3)
        step = await incident_service.run("integration")
        assert step.status == "failed"
        assert "no result within" in step.said
        context.tuning = TUNING
        task = asyncio.create_task(incident_service.run("integration"))
        await asyncio.sleep(pause)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert incident_service.state.running is None
        assert incident_service.state.step("integration").status == "failed"
        await incident_service.aclose()


async def test_a_dead_redis_costs_the_servers_clock_and_nothing_else(tmp_path: Path, make_server: Any) -> None:
    server = make_server()
    async with system(server.port, tmp_path) as (context, _):
        incident_service = await open_incident(context, root=tmp_path)
        server.kill()
        trips = context.own.trips
        step = await incident_service.run()
        assert context.own.trips - trips <= 20, "round trips of step 1"
        assert step.outcome is not None
        assert any(one.rule == "server.unreachable" for one in step.outcome.findings)
        await incident_service.aclose()


async def test_another_system_is_not_asked_on_behalf_of_an_incident(server: RealServer, tmp_path: Path) -> None:
    async with system(server.port, tmp_path) as (context, _):
        incident_service = await open_incident(context, root=tmp_path)
        await incident_service.aclose()
    async with system(server.port, tmp_path, environment="other") as (context, _):
        incident_service = await resume_incident(context, 1, root=tmp_path)
        with pytest.raises(IncidentError, match="--env default"):
            await incident_service.run()
        await incident_service.note("a note belongs to the incident, not to the system")
        await incident_service.aclose()
    async with system(server.port, tmp_path) as (context, _):  # the same name, its services at other addresses
        incident_service = await resume_incident(context, 1, root=tmp_path)
        with pytest.raises(IncidentError, match="--moved REASON"):
            await incident_service.run()
        with pytest.raises(IncidentError, match="reason"):
            await incident_service.move(" ")
        await incident_service.move("failed over")
        assert (await incident_service.run()).status == "done"
        await incident_service.aclose()
