"""The incident wizard on a real server: from the alarm to a repaired counter, a closed incident and its post-mortem."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.widgets import Input

from optimus_tui.tui.actions.action_dialog import ActionDialog
from optimus_tui.tui.actions.questions import ArmDialog
from optimus_tui.tui.dashboard.screen import Dashboard
from optimus_tui.tui.dialogs.base import HELD_SECONDS, PickDialog, QuestionDialog, QuestionField
from optimus_tui.tui.incidents.screen import IncidentScreen
from optimus_tui.tui.incidents.step_actions import StepActions
from optimus_tui.tui.tools.lists import report_lines
from tests.realserver import RealServer, nobody_port
from tests.sizes import SIZES
from tests.tui.driver import IMMORTAL, confirm, running, said, typed, until
from tests.tui.incidents.driver import opened
from tests.tui.pane_app import screen_lines


def kinds(tmp_path: Path, number: int = 1) -> list[str]:
    """Which events are on the disk, in order."""
    lines = (tmp_path / "optimus-tui" / "incidents" / f"{number:04d}" / "timeline.jsonl").read_text().splitlines()
    found = [json.dumps(json.loads(line)) for line in lines]
    names = ("opened", "captured", "step_started", "step_finished", "step_skipped", "note", "issue_chosen", "resumed")
    return [next((name for name in (*names, "moved") if f'"{name}"' in line), "?") for line in found]


@pytest.mark.parametrize("size", SIZES)
async def test_i_opens_an_incident_and_runs_the_first_step(
    redis: RealServer, size: tuple[int, int], tmp_path: Path
) -> None:
    async with running(redis, size=size) as (pilot, _):
        await opened(pilot)
        await until(pilot, lambda: "What decides" in said(pilot))
        text = said(pilot)
        for part in ("INCIDENT 1", "✖ CRIT", "read-only", "1 Health check", "Next"):
            assert part in text, part
        assert "step_finished" in kinds(tmp_path)
        screen: Any = pilot.app.screen
        await pilot.press("5")
        await until(pilot, lambda: screen.selected is screen.state.steps[4])
        await pilot.press("9")
        await until(pilot, lambda: "there is no step 9" in said(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, Dashboard))
        await until(pilot, lambda: "incident 1 is open" in screen_lines(pilot.app)[0])


@pytest.mark.parametrize(("size", "least"), [((80, 24), 70), ((140, 42), 40)])
async def test_nothing_is_drawn_for_a_width_that_is_not_known_yet(
    redis: RealServer, size: tuple[int, int], least: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    widths: list[int] = []

    def seen(sections: Any, width: int) -> Any:
        widths.append(width)
        return report_lines(sections, width)

    monkeypatch.setattr("optimus_tui.tui.incidents.screen.report_lines", seen)
    async with running(redis, size=size) as (pilot, _):
        await opened(pilot)
        await until(pilot, lambda: "What decides" in said(pilot))
    assert widths and min(widths) >= least, sorted(set(widths))


def closing_has_ended(app: Any) -> bool:
    """Return True if no closing of an incident is under way any more."""
    return all(one.is_finished for one in app.workers if one.group == StepActions.CLOSING)


def folders(tmp_path: Path) -> list[str]:
    """Return the incidents on the disk."""
    place = tmp_path / "optimus-tui" / "incidents"
    return sorted(one.name for one in place.iterdir()) if place.exists() else []


async def found(pilot: Any, dashboard: Dashboard, rule: str) -> None:
    """Wait until the dashboard has this finding."""
    await until(pilot, lambda: dashboard.health is not None and rule in {one.rule for one in dashboard.health.findings})


async def asked(pilot: Any) -> QuestionDialog:
    """Press ``i`` and wait for the dialog that asks before anything is opened."""
    app: Any = pilot.app
    await pilot.press("i")
    await until(pilot, lambda: isinstance(app.screen, QuestionDialog))
    dialog: QuestionDialog = app.screen
    return dialog


@pytest.mark.parametrize("size", SIZES)
async def test_i_opens_nothing_before_the_operator_confirms(
    redis: RealServer, size: tuple[int, int], tmp_path: Path
) -> None:
    async with running(redis, size=size) as (pilot, dashboard):
        await found(pilot, dashboard, "limits.immortal")
        dialog = await asked(pilot)
        for part in ("Open an incident", "never resets", "clinic_b", "Health check", "enter opens"):
            assert part in said(pilot), part
        assert dialog.query_one("#ask-0", Input).value == "clinic_b", "the tenant of the worst finding"
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, Dashboard))
        assert dashboard.incidents.service is None and folders(tmp_path) == []


async def test_the_tools_are_asked_about_the_tenant_that_was_confirmed(redis: RealServer) -> None:
    async with running(redis) as (pilot, dashboard):
        await found(pilot, dashboard, "limits.immortal")
        screen = await opened(pilot)
        assert screen.state.tenant == "clinic_b"
        assert screen.state.steps[0].arguments["tenant_id"] == "clinic_b"
        await screen.incident_service.choose("high_latency")
        assert screen.state.choice is not None and screen.state.choice.tenant == "clinic_b"


async def test_an_incident_with_only_its_health_check_is_discarded_by_one_key(
    redis: RealServer, tmp_path: Path
) -> None:
    async with running(redis) as (pilot, dashboard):
        await opened(pilot)
        assert folders(tmp_path) == ["0001"]
        await pilot.press("D")
        await until(pilot, lambda: isinstance(pilot.app.screen, Dashboard))
        assert folders(tmp_path) == [] and dashboard.incidents.service is None
        await until(pilot, lambda: "incident 1 is removed" in said(pilot))
        screen = await opened(pilot)
        assert screen.state.id == "1", "nothing is left of the other one"


async def test_an_incident_with_more_is_discarded_for_a_reason_and_stays_on_record(
    redis: RealServer, tmp_path: Path
) -> None:
    async with running(redis) as (pilot, _):
        app: Any = pilot.app
        screen = await opened(pilot)
        await screen.incident_service.note("called the clinic")
        await pilot.press("D")
        await until(pilot, lambda: isinstance(app.screen, QuestionDialog))
        await typed(pilot, "wrong environment")
        await pilot.press("enter")
        await until(pilot, lambda: screen.state.status == "closed")
        assert screen.state.cause == "none: it was opened by mistake"
        assert screen.state.resolution == "discarded: wrong environment"
        assert folders(tmp_path) == ["0001"]


async def test_escape_leaves_it_open_and_i_comes_back_to_the_same_one(redis: RealServer) -> None:
    async with running(redis) as (pilot, dashboard):
        screen = await opened(pilot)
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, Dashboard)
        assert dashboard.incidents.service is screen.incident_service and screen.state.status == "open"
        await opened(pilot)
        assert "INCIDENT 1" in said(pilot)


async def test_a_later_start_says_that_it_is_open_and_offers_to_resume_it_row_105(
    redis: RealServer, tmp_path: Path
) -> None:
    async with running(redis) as (pilot, dashboard):
        await opened(pilot)
        await dashboard.incidents.leave()
    async with running(redis) as (pilot, _):
        app: Any = pilot.app
        await until(pilot, lambda: "incident 1 was left open" in said(pilot))
        await pilot.press("i")
        await until(pilot, lambda: isinstance(app.screen, PickDialog))
        assert "Resume incident 1" in said(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, IncidentScreen))
        assert app.screen.state.steps[0].status == "done"
    assert "resumed" in kinds(tmp_path)


async def test_at_other_addresses_it_goes_on_once_the_operator_says_why(redis: RealServer, tmp_path: Path) -> None:
    async with running(redis) as (pilot, dashboard):
        await opened(pilot)
        await dashboard.incidents.leave()
    async with running(redis, engine_url=f"http://127.0.0.2:{nobody_port()}") as (pilot, _):
        app: Any = pilot.app
        await pilot.press("i")
        await until(pilot, lambda: isinstance(app.screen, PickDialog))
        await pilot.press("down", "enter")  # below a new incident: the addresses differ
        await until(pilot, lambda: isinstance(app.screen, QuestionDialog))
        assert "other addresses" in said(pilot)
        await typed(pilot, "failed over")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, IncidentScreen))
        screen: IncidentScreen = app.screen
        await pilot.press("home", "r")
        await until(pilot, lambda: screen.state.steps[0].runs == 2 and screen.state.running is None)
        assert screen.state.steps[0].status == "done"
    assert "moved" in kinds(tmp_path)


async def test_a_step_is_skipped_with_a_reason_and_noted_and_done_again(redis: RealServer, tmp_path: Path) -> None:
    async with running(redis) as (pilot, dashboard):
        app: Any = pilot.app
        screen = await opened(pilot)
        await pilot.press("r")
        await until(pilot, lambda: screen.state.steps[0].runs == 2 and screen.state.running is None)
        await until(pilot, lambda: "Changed since the last run" in said(pilot))
        waiting = screen.state.next
        assert waiting is not None
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, QuestionDialog))
        await pilot.press("enter")
        assert "✗ reason missing" in said(pilot)
        await typed(pilot, "known")
        await pilot.press("enter")
        await until(pilot, lambda: screen.state.step(waiting.plan.id).status == "skipped")
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, QuestionDialog))
        await typed(pilot, "called the clinic")
        await pilot.press("enter")
        await until(pilot, lambda: len(screen.state.notes) == 1)
        await pilot.press("escape")
        dashboard.focus_on("limits")
        await pilot.press("p")
        await until(pilot, lambda: len(screen.state.notes) == 2)
        assert "clinic_b" in screen.state.notes[1].text
    assert {"step_skipped", "note"} <= set(kinds(tmp_path))


async def test_from_the_alarm_to_a_verified_repair_and_the_post_mortem(redis: RealServer, tmp_path: Path) -> None:
    async with running(redis) as (pilot, _):
        app: Any = pilot.app
        screen = await opened(pilot)
        await until(pilot, lambda: "a acts on what was found: Reset chat of clinic_b (1 more" in said(pilot))
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, PickDialog))
        assert [name for name, _ in app.screen.choices] == ["Reset chat of clinic_b", "Repair chat of clinic_b"]
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(app.screen, ArmDialog))
        assert "For: Repair chat of clinic_b" in said(pilot)
        await typed(pilot, "test")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ActionDialog) and app.screen.stage == "asking")
        card: ActionDialog = app.screen
        assert card.request.kind == "repair_counter" and card.request.tenant == b"clinic_b"
        await typed(pilot, "test 1")
        await pilot.press("tab")
        await typed(pilot, "blocked")
        await pilot.press("tab", "tab")
        await confirm(pilot, card)
        await until(pilot, lambda: card.stage == "done")
        await until(
            pilot, lambda: bool(screen.state.action_records) and screen.state.action_records[0].verdict is not None
        )
        assert app.screen is card, "what is checked next does not wait for a reader"
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        assert screen.state.action_records[0].receipt.audit.startswith("line ")
        assert screen.state.action_records[0].verdict == "unknown"  # the gateway is not there: nobody may say fixed
        assert redis.command("TTL", IMMORTAL).strip() != b":-1"
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, QuestionDialog))
        await typed(pilot, "counter without ttl")
        await pilot.press("enter")
        await typed(pilot, "repaired")
        await pilot.press("enter")
        place = tmp_path / "optimus-tui" / "incidents" / "0001"
        await until(pilot, lambda: (place / "postmortem.html").exists(), 30)
        assert screen.state.status == "closed"
        assert "counter without ttl" in (place / "postmortem.md").read_text()
        await until(pilot, lambda: "next step" not in screen_lines(app)[-1])
        assert not [one for one in ("s skip", "r redo", "a act", "c close") if one in screen_lines(app)[-1]]
        assert "n note" in screen_lines(app)[-1] and "x export" in screen_lines(app)[-1]
        await until(pilot, lambda: closing_has_ended(app))  # until then a key is told that it is being closed
        await pilot.press("enter")
        await until(pilot, lambda: any("this incident is closed" in one.text for one in app.messages_said))  # an alarm
        await pilot.press("question_mark")  # may stand before it on the screen
        await until(pilot, lambda: "Help" in said(pilot))
        assert "Skip a step" not in said(pilot) and "Write the post-mortem now" in said(pilot)


async def test_a_reset_reaches_no_further_than_its_finding(redis: RealServer) -> None:
    redis.command("DEL", IMMORTAL)
    redis.command("SET", "rate_limit:zed:chat", "200", "EX", "600")
    redis.command("SET", "rate_limit:zed:export", "3", "EX", "600")
    async with running(redis) as (pilot, _):
        app: Any = pilot.app
        screen = await opened(pilot)
        (advice,) = [one for one in screen.state.advice if one.kind]
        assert (advice.kind, advice.tenant, advice.rules) == ("reset_counters", "zed", ("limits.over",))
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, ArmDialog))
        await typed(pilot, "test")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ActionDialog) and app.screen.stage == "asking")
        assert (app.screen.request.operation, app.screen.plan.count) == (b"chat", 1)
        assert app.screen.request.incident == "1" and "zed, chat" in said(pilot)


async def test_an_enter_that_is_held_down_answers_once_and_marks_nothing_row_71(redis: RealServer) -> None:
    async with running(redis) as (pilot, _):
        app: Any = pilot.app
        screen = await opened(pilot)
        for step in screen.state.steps[1:-1]:
            await screen.incident_service.skip(step.plan.id, "not now")
        screen.show_step(screen.state.steps[-1])
        enters = [events.Key("enter", "\r") for _ in range(8)]
        for one in enters:
            app.post_message(one)
        await until(pilot, lambda: app._key is enters[-1])
        await pilot.pause(0.3)
        assert isinstance(app.screen, QuestionDialog), app.screen
        assert screen.state.steps[-1].status == "waiting"
        await asyncio.sleep(HELD_SECONDS)
        await pilot.press("enter")
        await until(pilot, lambda: screen.state.steps[-1].status == "done")


async def test_a_dialog_that_is_answered_twice_closes_only_itself(redis: RealServer) -> None:
    async with running(redis) as (pilot, _):
        app: Any = pilot.app
        screen = await opened(pilot)
        dialog, heard = QuestionDialog("Twice", [QuestionField("Why", needed=False)]), []  # type: ignore[var-annotated]
        app.push_screen(dialog, heard.append)
        await until(pilot, lambda: app.screen is dialog)
        dialog.dismiss(["first"])
        dialog.dismiss(["second"])
        await until(pilot, lambda: app.screen is screen)
        assert heard == [["first"]]
