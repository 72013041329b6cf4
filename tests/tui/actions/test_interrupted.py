"""An action whose process was killed: offered at the next start, verified, resumed with its words, or closed."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from optimus_tui.history.audit.chain import read
from optimus_tui.tui.actions.action_dialog_resume import ResumeDialog
from optimus_tui.tui.actions.enter_guard import QUIET_SECONDS
from optimus_tui.tui.actions.questions import ArmDialog
from optimus_tui.tui.dialogs.base import Dialog, PickDialog, QuestionDialog, QuestionField
from tests.live.actions.driver import number
from tests.realserver import RealServer
from tests.sizes import SIZES
from tests.tui.actions.interruption import KEYS, interrupt
from tests.tui.driver import confirm, filled, running, said, shown, typed, until
from tests.tui.incidents.driver import opened


def events(folder: Path) -> list[str]:
    return [record["event"] for record in read(folder / "optimus-tui" / "audit.jsonl")]


async def confirmed(pilot: Pilot[Any], words: str) -> None:
    await filled(pilot, words, "it was killed")
    await pilot.press("tab", "tab")
    await asyncio.sleep(QUIET_SECONDS + 0.05)
    await pilot.press("enter")


@pytest.mark.parametrize("size", SIZES)
async def test_the_next_start_offers_to_verify_and_to_resume_row_74(
    redis: RealServer, tmp_path: Path, size: tuple[int, int]
) -> None:
    interrupt(redis, tmp_path)
    left = number(redis, "DBSIZE") - 4  # of the fixture; one of its keys is acme's, and in the plan
    assert 0 < left < KEYS
    async with running(redis, size=size) as (pilot, _):
        app: Any = pilot.app
        await until(pilot, lambda: isinstance(app.screen, PickDialog))
        text = said(pilot)
        begun = ("Interrupted at ", f" of {KEYS + 1:,} keys", "Invalidate a tenant's cache · acme")
        for part in (*begun, "Verify", "Resume", "Verify and close"):
            assert part in text, part
        await pilot.press("enter")
        await until(pilot, lambda: "Verified: 0 tried keys" in said(pilot))
        assert number(redis, "DBSIZE") - 4 == left, "a look changes nothing"
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(app.screen, ArmDialog))
        await typed(pilot, "test")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ResumeDialog))
        card: ResumeDialog = app.screen
        assert card.query_one("#confirm-typed").has_focus and "Resume: Invalidate" in said(pilot)
        await confirmed(pilot, "test 1")
        assert card.stage == "asking", "other words than those on the card"
        assert card.query_one("#confirm-typed").has_focus, "the button leads to the words that are wrong"
        await pilot.press("end", *["backspace"] * 8)
        await confirmed_anew(pilot, card)
        await until(pilot, lambda: card.stage == "done")
        assert "Done: the keys are as planned" in said(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.screen_stack[1])
        assert number(redis, "DBSIZE") == 3, "the neighbours"
        assert list((tmp_path / "optimus-tui" / "actions").glob("*.plan")) == []
    assert events(tmp_path).count("planned") == 1 and "resumed" in events(tmp_path)


async def confirmed_anew(pilot: Pilot[Any], card: ResumeDialog) -> None:
    card.query_one("#confirm-typed").focus()
    await typed(pilot, card.left.confirm)
    await confirm(pilot, card)


async def test_closing_it_writes_nothing_to_redis_and_needs_no_arming_row_74(redis: RealServer, tmp_path: Path) -> None:
    interrupt(redis, tmp_path)
    left = number(redis, "DBSIZE")
    async with running(redis, writable=False) as (pilot, dashboard):
        app: Any = pilot.app
        await until(pilot, lambda: isinstance(app.screen, PickDialog))
        await pilot.press("escape")
        await until(pilot, lambda: "stays open" in shown(pilot))
        dashboard.prompt.run("interrupted")
        await until(pilot, lambda: isinstance(app.screen, PickDialog))
        await pilot.press("end", "enter")
        await until(pilot, lambda: isinstance(app.screen, QuestionDialog))
        await typed(pilot, "planned anew tomorrow")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ResumeDialog) and app.screen.stage == "done")
        assert "not tried" in said(pilot) and "closed by the operator" in said(pilot)
        await pilot.press("escape")
        dashboard.prompt.run("interrupted")
        await until(pilot, lambda: "no action was interrupted here" in shown(pilot))
    assert number(redis, "DBSIZE") == left and events(tmp_path)[-2:] == ["verified", "closed"]


async def test_its_incident_takes_it_up_and_its_receipt_row_74(redis: RealServer, tmp_path: Path) -> None:
    async with running(redis) as (pilot, dashboard):
        await opened(pilot)
        await dashboard.incidents.leave()
    interrupt(redis, tmp_path, "1")
    async with running(redis) as (pilot, dashboard):
        app: Any = pilot.app
        await until(pilot, lambda: isinstance(app.screen, PickDialog))
        await pilot.press("escape")  # not now
        await pilot.press("i")
        await until(pilot, lambda: "Resume incident 1" in said(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, PickDialog) and "Interrupted at" in said(pilot))
        await pilot.press("end", "enter")
        await until(pilot, lambda: isinstance(app.screen, QuestionDialog))
        await typed(pilot, "done by hand")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ResumeDialog) and app.screen.stage == "done")
        await pilot.press("escape")
        await until(
            pilot, lambda: bool(dashboard.incidents.service and dashboard.incidents.service.state.action_records)
        )
        await until(pilot, lambda: dashboard.incidents.service.state.action_records[0].verdict is not None, 60)
        assert dashboard.incidents.service is not None
        assert dashboard.incidents.service.state.action_records[0].receipt.kind == "invalidate_tenant"


async def test_a_receipt_that_nobody_lived_to_record_is_recorded_when_the_incident_is_taken_up(
    redis: RealServer, tmp_path: Path
) -> None:
    from tests.live.actions.driver import armed, carried_out, planned

    async with running(redis) as (pilot, dashboard):
        await opened(pilot)
        await dashboard.incidents.leave()
    async with armed(redis.port, tmp_path / "optimus-tui") as action_service:
        await carried_out(action_service, await planned(action_service, "reset_counters", b"acme", incident="1"))
        await carried_out(action_service, await planned(action_service, "invalidate_tenant", b"acme", incident="2"))
    async with running(redis) as (pilot, dashboard):
        await pilot.press("i")
        await until(pilot, lambda: "Resume incident 1" in said(pilot))
        await pilot.press("enter")
        await until(
            pilot, lambda: bool(dashboard.incidents.service and dashboard.incidents.service.state.action_records)
        )
        assert dashboard.incidents.service is not None
        (record,) = dashboard.incidents.service.state.action_records
        assert (record.receipt.kind, record.receipt.counts) == ("reset_counters", {"done": 1})
        assert "(so far" not in record.receipt.audit, "its last record says that it is closed"
    lines = (tmp_path / "optimus-tui" / "incidents" / "0001" / "timeline.jsonl").read_text().splitlines()
    assert sum("action_done" in json.dumps(json.loads(line)) for line in lines) == 1


async def test_one_that_cannot_be_taken_up_is_told_once_and_not_called_none(redis: RealServer, tmp_path: Path) -> None:
    interrupt(redis, tmp_path)
    (plan,) = (tmp_path / "optimus-tui" / "actions").glob("*.plan")
    plan.write_bytes(b"damaged")
    async with running(redis, writable=False) as (pilot, dashboard):
        await until(pilot, lambda: "is damaged: see the audit" in shown(pilot))
        pilot.app.clear_notifications()
        dashboard.prompt.run("interrupted")
        await until(pilot, lambda: "is damaged: see the audit" in shown(pilot))
        assert "no action was interrupted" not in shown(pilot)


async def test_what_opens_by_itself_waits_for_the_dialog_that_was_asked_for(redis: RealServer, tmp_path: Path) -> None:
    async with running(redis) as (pilot, dashboard):
        app: Any = pilot.app
        await asyncio.to_thread(interrupt, redis, tmp_path)
        wait = asyncio.Event()

        async def ask() -> None:
            await wait.wait()
            await dashboard.ask(QuestionDialog("Note", [QuestionField("Note")]))

        dashboard.run_in_background("note", ask, asks=True)
        dashboard.interrupted.offer()
        await until(pilot, lambda: dashboard.actions.service is not None)
        await asyncio.sleep(0.3)  # long enough to open where nothing holds it back
        assert app.screen is dashboard
        wait.set()
        await until(pilot, lambda: isinstance(app.screen, QuestionDialog))
        await asyncio.sleep(0.3)
        assert len([one for one in app.screen_stack if isinstance(one, Dialog)]) == 1
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, PickDialog))
