"""How a card ends that could not go on: it says whether something was done, and its remedy can be read whole."""

from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from textual.pilot import Pilot
from textual.widgets import Input

from optimus_tui.actions.planning import preview
from optimus_tui.contract.actions import ActionRequest, Plan, PlanKey, Receipt, Refusal, Where
from optimus_tui.dialects.layout import own_layout
from optimus_tui.tui.actions import action_dialog, action_dialog_stages
from optimus_tui.tui.actions.action_dialog_text import preview_lines, receipt_lines, refusal_lines
from tests.realserver import RealServer
from tests.tui.driver import confirm, opened_card, planned_card, running, said, typed, until

REMEDY = "look at it, and remove it once it is not in use: redis-cli -h 127.0.0.1 -p 16401 UNLINK optimus:lock:acme"


async def confirmed(pilot: Pilot[Any], card: action_dialog.ActionDialog) -> None:
    await filled(pilot, card.query_one("#confirm-typed", Input), "test 1")
    await filled(pilot, card.query_one("#confirm-reason", Input), "never resets")
    await confirm(pilot, card)


async def filled(pilot: Pilot[Any], field: Input, text: str) -> None:
    """Type into a field; on a busy machine keys wait, and the focus must not move on before them."""
    field.focus()
    await until(pilot, lambda: field.has_focus)
    await typed(pilot, text)
    await until(pilot, lambda: field.value == text)


@pytest.mark.parametrize("width", [40, 70])
def test_a_remedy_is_shown_whole_in_a_narrow_card(width: int) -> None:
    lines = refusal_lines(
        Refusal("locked", "the lock key has no TTL, so it never ends by itself", REMEDY), False, width
    )
    text = " ".join("".join(piece[0] for piece in line) for line in lines)
    assert REMEDY.replace(" ", "") in text.replace(" ", "")
    assert all(sum(len(piece[0]) for piece in line) <= width for line in lines)
    assert "Nothing was changed." in text


async def test_the_receipt_outlives_an_audit_that_cannot_be_read_again(
    redis: RealServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = action_dialog_stages.audit_words

    def moved_away(action_service: Any, action: str) -> str:
        path = action_service.audit.path
        path.rename(path.with_name("elsewhere"))
        path.symlink_to("elsewhere")
        return real(action_service, action)

    monkeypatch.setattr(action_dialog, "audit_words", moved_away)
    async with running(redis) as (pilot, dashboard):
        card = await opened_card(pilot, dashboard)
        await confirmed(pilot, card)
        await until(pilot, lambda: card.stage == "done")
        text = said(pilot)
        assert "Done: the keys are as planned" in text
        assert "the audit file cannot be read" in text and "not a regular file" in text
        assert "bug in this program" not in text


async def test_a_fault_of_ours_after_the_keys_were_changed_does_not_say_that_nothing_was(
    redis: RealServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> str:
        raise RuntimeError("x")

    monkeypatch.setattr(action_dialog, "audit_words", broken)
    async with running(redis) as (pilot, dashboard):
        card = await opened_card(pilot, dashboard)
        await confirmed(pilot, card)
        await until(pilot, lambda: card.stage == "refused")
        assert "The audit says what was done until then." in said(pilot)
        assert "Nothing was changed" not in said(pilot)


async def test_what_an_action_left_undone_is_planned_anew_in_a_new_card(redis: RealServer) -> None:
    async with running(redis) as (pilot, dashboard):
        app: Any = pilot.app
        first = await opened_card(pilot, dashboard)
        service = first.action_service
        # As somebody who stops it before the first batch.
        service.guard.listener = lambda words: first._cancel.set() if words[0] == "SET" else None
        await confirmed(pilot, first)
        await until(pilot, lambda: first.stage == "done")
        assert "not tried" in said(pilot) and "r plans the rest again" in said(pilot)
        service.guard.listener = None
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, action_dialog.ActionDialog) and app.screen is not first)
        second = await planned_card(pilot)
        assert first.plan is not None and second.plan is not None and second.plan.id != first.plan.id
        assert [key.key for key in second.plan.keys] == [key.key for key in first.plan.keys]
        await confirmed(pilot, second)
        await until(pilot, lambda: second.stage == "done")
        assert "Done: the keys are as planned" in said(pilot) and "plans the rest" not in said(pilot)
        await until(pilot, lambda: "Check     " in said(pilot))  # a result is promised, and comes here, too
        await until(pilot, lambda: "repaired" in said(pilot).partition("Check     ")[2].partition("│")[0])


def test_the_card_says_which_nodes_are_written_and_what_was_not_executed() -> None:
    where = Where(environment="test", place="h:1", db=0, user="u", run_id="", replid="", role="master")
    request = ActionRequest(kind="invalidate_tenant", tenant=b"acme")
    receipt = Receipt(
        id="1", request=request, where=where, digest="", outcomes=("done", "not executed"),
        counts={"done": 1, "not executed": 1}, started_at=0.0, seconds=1.0, acting_seconds=1.0, reason="a test",
        verified=True, stopped="1 key was not executed", published="sent",
    )  # fmt: skip
    text = "\n".join("".join(piece[0] for piece in line) for line in receipt_lines(receipt, "line 1", 78))
    assert "another node serves it now: nothing was done" in text and "Ended early" in text
    assert "published on one node" in text
    plan = Plan(
        id="1", request=request, where=where, condition="", keys=(PlanKey(key=b"cache:conv:acme:1"),), digest="",
        made_at=0.0, made_mono=0.0, server_time=0.0,
    )  # fmt: skip
    shown = structs.replace(preview(plan, own_layout()), nodes=(("h:1", 1), ("h:2", 7)))
    text = "\n".join("".join(piece[0] for piece in line) for line in preview_lines(plan, shown, 78, 0.0, False))
    assert "Nodes     7 on h:2, 1 on h:1" in text
