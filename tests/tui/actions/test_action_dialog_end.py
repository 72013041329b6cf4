"""How a card ends that could not go on: it says whether something was done, and its remedy can be read whole."""

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from optimus_tui.contract.actions import Refusal
from optimus_tui.tui.actions import action_dialog, action_dialog_stages
from optimus_tui.tui.actions.action_dialog_text import refusal_lines
from tests.realserver import RealServer
from tests.tui.driver import confirm, opened_card, running, said, typed, until

REMEDY = "look at it, and remove it once it is not in use: redis-cli -h 127.0.0.1 -p 16401 UNLINK optimus:lock:acme"


async def confirmed(pilot: Pilot[Any], card: action_dialog.ActionDialog) -> None:
    for field, text in (("#confirm-typed", "test 1"), ("#confirm-reason", "never resets")):
        card.query_one(field, Input).focus()
        await typed(pilot, text)
    await confirm(pilot, card)


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
        assert "Done and verified" in text
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
