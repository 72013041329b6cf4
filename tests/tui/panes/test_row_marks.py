"""Several rows are marked, acted on together and pinned together: of one tenant, and by their keys."""

from typing import Any

import pytest
from textual.widgets import Input

from optimus_tui.tui.actions.action_dialog import ActionDialog
from optimus_tui.tui.actions.questions import ArmDialog
from optimus_tui.tui.dialogs.base import PickDialog
from tests.realserver import RealServer
from tests.sizes import SIZES
from tests.tui.driver import confirm, planned_card, running, said, shown, typed, until

A, B, OTHER = (f"rate_limit:clinic_b:{name}".encode() for name in ("chat", "export", "profile"))


def marked(pane: Any) -> list[Any]:
    return [pane.rows[place] for place in pane.row_marks.places()]


def on(pane: Any, key: bytes) -> None:
    pane.move_to(next(place for place, row in enumerate(pane.rows) if row.counter.key == key))


@pytest.mark.parametrize("size", SIZES)
async def test_marked_counters_of_one_tenant_are_reset_together_and_no_other(
    redis: RealServer, size: tuple[int, int]
) -> None:
    redis.command("SET", OTHER, "7", "EX", "600")
    async with running(redis, size=size) as (pilot, dashboard):
        dashboard.focus_on("limits")
        pane = dashboard.pane("limits")
        await until(pilot, lambda: len(pane.rows) == 4)
        for key in (A, B):
            on(pane, key)
            await pilot.press("ctrl+@")
        assert "2 marked" in said(pilot) and said(pilot).count("◆") == 2, "seen without colour"
        redis.command("SET", "rate_limit:acme:profile", "99", "EX", "600")
        await pilot.press("r")
        await until(pilot, lambda: len(pane.rows) == 5)
        assert {row.counter.key for row in marked(pane)} == {A, B}, "marks follow keys, not places"
        await pilot.press("a")
        await until(pilot, lambda: isinstance(pilot.app.screen, ArmDialog))
        await typed(pilot, "test")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, PickDialog))
        assert "Repair 1 marked counter of clinic_b" in said(pilot)
        await pilot.press("enter")  # one of them is full: what ends its refusals stands first
        card: ActionDialog = await planned_card(pilot)
        assert "clinic_b, 2 marked keys" in said(pilot) and "Type  test 2" in said(pilot)
        assert card.plan is not None and {key.key for key in card.plan.keys} == {A, B}
        await typed(pilot, "test 2")
        card.query_one("#confirm-reason", Input).focus()
        await typed(pilot, "both are stuck")
        await confirm(pilot, card)
        await until(pilot, lambda: card.stage == "done")
        assert redis.command("EXISTS", A, B).strip() == b":0" and redis.command("EXISTS", OTHER).strip() == b":1"
        await pilot.press("escape")
        await until(pilot, lambda: "marked" not in said(pilot))


async def test_rows_of_two_tenants_are_refused_in_one_sentence_and_escape_clears(redis: RealServer) -> None:
    async with running(redis) as (pilot, dashboard):
        dashboard.focus_on("limits")
        pane = dashboard.pane("limits")
        on(pane, A)
        await pilot.press("V")
        pane.move_to(0)
        await pilot.press("G", "V")
        pane.move_to(0)
        await pilot.press("V", "G", "V")
        assert len(marked(pane)) == 3, "from the first row to the last"
        await pilot.press("a")
        await until(pilot, lambda: "the marked rows are of 2 tenants, and an action is for one" in shown(pilot))
        dashboard.pane("limits").set_filter("tenant:acme")
        assert [row.counter.tenant for row in marked(pane)] == [b"acme"]
        await pilot.press("escape")
        assert not pane.row_marks and pane.filter.text, "marks first, then the filter"
        await pilot.press("v")
        assert not pane.row_marks, "v shows the counter close up here"


async def test_marking_where_there_is_no_row_is_said(redis: RealServer) -> None:
    async with running(redis) as (pilot, dashboard):
        dashboard.focus_on("feed")
        await pilot.press("ctrl+@")
        await until(pilot, lambda: "nothing to mark here" in shown(pilot))
        assert not dashboard.pane("feed").row_marks


@pytest.mark.parametrize("sent", ["ctrl+@", "ctrl+space"])
async def test_a_key_that_two_names_stand_for_works_by_both_where_it_was_chosen(redis: RealServer, sent: str) -> None:
    async with running(redis, keys={"pane.mark": "f6", "pane.zoom": "ctrl+space"}) as (pilot, dashboard):
        dashboard.focus_on("limits")
        await pilot.press(sent)
        await until(pilot, lambda: bool(dashboard.pane_layout.zoomed))
        assert not dashboard.pane("limits").row_marks
