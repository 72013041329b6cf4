"""The dialogs of actions say why an Enter was refused, wait for the plan, and lose nothing that was typed."""

import asyncio
from typing import Any

import pytest
from textual.widgets import Input

from optimus_tui.contract.actions import ActionRequest, Refusal
from optimus_tui.tui.actions.action_dialog import ActionDialog
from optimus_tui.tui.actions.action_dialog_stages import ActionLines
from optimus_tui.tui.actions.questions import ArmDialog
from tests.realserver import RealServer
from tests.sizes import SIZES
from tests.tui.driver import opened_card, running, said, shown, typed, until

RESET = ActionRequest(kind="reset_counters", tenant=b"clinic_b")


class GatedService:
    """The action service, whose plans wait until they are let through; ``refusal`` is answered instead of a plan."""

    def __init__(self, service: Any) -> None:
        self._service = service
        self.open, self.refusal = asyncio.Event(), None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._service, name)

    async def plan(self, *arguments: Any) -> Any:
        await self.open.wait()
        return self.refusal or await self._service.plan(*arguments)


async def gated_card(pilot: Any, dashboard: Any) -> tuple[ActionDialog, Any]:
    """Open an armed dialog whose plan waits, and return it with its service."""
    service = await dashboard.actions.open_service()
    await service.arm("test")
    gated: Any = GatedService(service)
    card = ActionDialog(gated, dashboard.context.clock, RESET)
    pilot.app.push_screen(card)
    await until(pilot, lambda: card.is_mounted and "the plan says which" in said(pilot))
    return card, gated


@pytest.mark.parametrize("size", SIZES)
async def test_every_field_is_seen_with_its_mark_and_a_refused_enter_says_why(
    redis: RealServer, size: tuple[int, int]
) -> None:
    async with running(redis, size=size) as (pilot, dashboard):
        card = await opened_card(pilot, dashboard, offer=2)
        pilot.app.clear_notifications()  # a toast may lie over the buttons
        await pilot.pause()
        text = said(pilot)
        for part in ("Type  test 2  ✗ not typed yet", "Reason  ✗ reason missing", "Cancel", "Reset", "ARMED"):
            assert part in text, part
        assert card.query_one("#confirm-typed").has_focus
        await pilot.press("enter")
        await until(pilot, lambda: "✗ not typed yet, so enter was refused" in said(pilot))
        await typed(pilot, "test")
        assert "✗ words not complete yet" in said(pilot) and "so enter was refused" not in said(pilot)
        await typed(pilot, " 2")
        assert "test 2  ✓" in said(pilot)
        await pilot.press("enter", "enter")
        await until(pilot, lambda: "✗ reason missing, so enter was refused" in said(pilot))
        assert card.query_one("#confirm-reason").has_focus and card.stage == "asking"
        card.query_one("#go").focus()
        await pilot.press("enter")
        assert card.query_one("#confirm-reason").has_focus, "the button leads to what is missing"
        pilot.app.clear_notifications()  # a toast may lie over the button
        await pilot.pause()
        await pilot.click("#go")
        await until(pilot, lambda: "a click confirms nothing" in said(pilot))
        assert card.stage == "asking"


async def test_the_plan_comes_into_room_that_was_kept_for_it_and_nothing_has_to_be_scrolled(redis: RealServer) -> None:
    async with running(redis, size=(140, 42)) as (pilot, dashboard):
        card, gated = await gated_card(pilot, dashboard)
        lines, box = card.query_one(ActionLines), card.query_one("#card")
        assert lines.size.height >= 8 and "↑↓ more" not in str(box.border_subtitle)
        gated.open.set()
        await until(pilot, lambda: card.stage == "asking")
        assert "↑↓ more" not in str(box.border_subtitle), "the box may grow"
        await until(pilot, lambda: "Gentler" in said(pilot))
        assert lines.max_scroll_y == 0 and "read just now" in said(pilot)


async def test_enter_while_planning_waits_and_goes_on_but_confirms_nothing(redis: RealServer) -> None:
    async with running(redis) as (pilot, dashboard):
        card, gated = await gated_card(pilot, dashboard)
        card.query_one("#confirm-reason").focus()
        await typed(pilot, "blocked since nine")
        await pilot.press("shift+tab")
        await typed(pilot, "test 2")
        await pilot.press("enter")
        await until(pilot, lambda: "waiting for the plan: enter goes on when it is here" in said(pilot))
        assert card.stage == "planning"
        gated.open.set()
        await until(pilot, lambda: card.stage == "asking" and "Other tenants touched" in said(pilot))
        await until(pilot, lambda: "typed for another list: read this one, type them again, so enter" in said(pilot))
        assert not card.may_confirm(), "the words were typed before the list was shown"
        assert card.query_one("#confirm-typed").has_focus
        assert card.query_one("#confirm-reason", Input).value == "blocked since nine"
        await pilot.press("backspace", "2")
        assert card.may_confirm()


async def test_tab_and_what_is_typed_behind_it_while_planning_are_not_lost(redis: RealServer) -> None:
    async with running(redis) as (pilot, dashboard):
        card, gated = await gated_card(pilot, dashboard)
        assert card.stage == "planning" and card.query_one("#confirm-typed").has_focus
        await pilot.press("tab")
        assert card.query_one("#confirm-reason").has_focus
        await typed(pilot, "blocked ")
        gated.open.set()
        await until(pilot, lambda: card.stage == "asking" and "Other tenants touched" in said(pilot))
        await typed(pilot, "since nine")
        await until(pilot, lambda: card.query_one("#confirm-reason", Input).value == "blocked since nine")
        assert card.query_one("#confirm-typed", Input).value == ""
        gated.open.clear()
        await pilot.press("f5")
        await until(pilot, lambda: card.stage == "planning")
        await pilot.press("tab")
        gated.open.set()
        await until(pilot, lambda: card.stage == "asking" and "Other tenants touched" in said(pilot))
        assert card.query_one("#cancel").has_focus


async def test_words_stay_good_for_the_same_list_and_enter_goes_to_the_button(redis: RealServer) -> None:
    async with running(redis) as (pilot, dashboard):
        card, gated = await gated_card(pilot, dashboard)
        gated.open.set()
        await until(pilot, lambda: card.stage == "asking" and "test 2" in said(pilot))
        await typed(pilot, "test 2")
        await pilot.press("enter")
        await typed(pilot, "blocked since nine")
        gated.open.clear()
        await pilot.press("f5")
        await until(pilot, lambda: card.stage == "planning")
        await pilot.press("enter")
        gated.open.set()
        await until(pilot, lambda: card.stage == "asking" and card.query_one("#go").has_focus)
        assert card.may_confirm() and "here is the plan: read it" in said(pilot)
        redis.command("SET", "rate_limit:clinic_b:profile", "3", "EX", "600")
        redis.command("DEL", "rate_limit:clinic_b:export")
        await pilot.press("f5")
        await until(pilot, lambda: card.stage == "asking" and "clinic_b:profile" in said(pilot))
        assert card.form.words == "test 2" and not card.may_confirm(), "two keys again, but others"
        assert "typed for another list" in said(pilot)
        assert card.query_one("#confirm-typed", Input).value == "test 2"


async def test_what_was_typed_outlives_a_failed_plan_and_escape_asks_once(redis: RealServer) -> None:
    async with running(redis) as (pilot, dashboard):
        card, gated = await gated_card(pilot, dashboard)
        gated.open.set()
        await until(pilot, lambda: card.stage == "asking" and "test 2" in said(pilot))
        await typed(pilot, "test 2")
        await pilot.press("enter")
        await typed(pilot, "blocked since nine")
        gated.refusal = Refusal("unreachable", "Redis does not answer", "try again")
        await pilot.press("f5")
        await until(pilot, lambda: card.stage == "refused" and "Redis does not answer" in said(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: "esc again drops what was typed" in said(pilot))
        gated.refusal = None
        await pilot.press("f5")
        await until(pilot, lambda: card.stage == "asking" and card.may_confirm())
        await pilot.resize_terminal(60, 16)
        await until(pilot, lambda: "too small to confirm" in said(pilot))
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: "  ✓" in said(pilot) and "Reason  ✓" in said(pilot))
        assert card.query_one("#confirm-reason", Input).value == "blocked since nine"
        card.query_one("#confirm-reason").focus()
        await pilot.press("escape", "x", "escape")
        assert card.is_attached, "something was typed in between"
        await pilot.press("escape")
        await until(pilot, lambda: not card.is_attached)


async def test_leaving_without_an_action_is_said(redis: RealServer) -> None:
    async with running(redis) as (pilot, dashboard):
        before = redis.command("DBSIZE")
        await opened_card(pilot, dashboard)
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is dashboard)
        await until(pilot, lambda: "left without an action: nothing was changed" in shown(pilot))
        assert redis.command("DBSIZE") == before, "and it is true"


async def test_arming_says_why_an_enter_is_refused(redis: RealServer) -> None:
    async with running(redis, size=(80, 24)) as (pilot, dashboard):
        dashboard.actions.arm("5m")
        await until(pilot, lambda: isinstance(pilot.app.screen, ArmDialog))
        assert "✗ name missing" in said(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: "✗ name missing, so enter was refused" in said(pilot))
        await typed(pilot, "prod")
        await pilot.press("enter")
        await until(pilot, lambda: "✗ not test, so enter was refused" in said(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: "esc again drops what was typed" in said(pilot))
        await pilot.press("ctrl+u")
        await typed(pilot, "test")
        assert "name, test  ✓" in said(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: "ARMED" in said(pilot))
