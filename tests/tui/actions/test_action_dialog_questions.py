"""What the card asks before it may be confirmed: the window, uncertain keys, the room it needs, the reason."""

from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.widgets import Input

from optimus_tui.contract.actions import ActionRequest
from optimus_tui.tui.actions.action_dialog import ActionDialog
from optimus_tui.tui.actions.questions import IncludeDialog
from tests.live.actions.driver import put
from tests.realserver import RealServer
from tests.sizes import SIZES
from tests.tui.driver import filled, opened_card, planned_card, running, said, typed, until


async def card_of(pilot: Any, dashboard: Any, request: ActionRequest) -> ActionDialog:
    """The card of a request, armed without the dialog."""
    action_service = await dashboard.actions.open_service()
    await action_service.arm("test")
    dashboard.run_worker(dashboard.actions.carry_out(request), exit_on_error=False)
    return await planned_card(pilot)


@pytest.mark.parametrize("size", SIZES)
async def test_a_window_that_nobody_knows_is_asked_for_and_never_guessed(
    redis: RealServer, size: tuple[int, int]
) -> None:
    async with running(redis, limits=None, size=size) as (pilot, dashboard):
        card = await card_of(pilot, dashboard, ActionRequest(kind="repair_counter", tenant=b"clinic_b"))
        assert "the length of the window is unknown" in said(pilot) and "Window in seconds  ✗ seconds" in said(pilot)
        assert card.query_one("#window").has_focus
        await typed(pilot, "0x-")
        await pilot.press("enter")
        await until(pilot, lambda: "a window of 0 s is refused" in said(pilot))
        await pilot.press("backspace")
        await typed(pilot, "90")
        await pilot.press("enter")
        await until(pilot, lambda: card.stage == "asking")
        assert card.request.window_seconds == 90 and "ends in 1:30" in said(pilot)
        await until(pilot, lambda: card.form.typed.field.has_focus)  # the field that was filled in is gone
        assert "Window in seconds" not in said(pilot)


async def test_keys_of_uncertain_owner_are_listed_and_taken_in_one_by_one_row_24(redis: RealServer) -> None:
    put(redis, "cache:conv:acme:eu:1", "cache:conv:acme:eu:2", "cache:conv:acme:plain")
    put(redis, "cache_coherence:acme:eu:conv")  # hints at a tenant acme:eu
    async with running(redis) as (pilot, dashboard):
        card = await card_of(pilot, dashboard, ActionRequest(kind="invalidate_tenant", tenant=b"acme"))
        plan = card.plan
        assert plan is not None and plan.count == 2 and "Type  test 2" in said(pilot)
        assert "Left out" in said(pilot) and "2 keys whose owner is not certain" in said(pilot)
        assert "acme:eu:1" not in said(pilot)
        card.query_one("#cancel").focus()
        await pilot.press("v")
        await until(pilot, lambda: "? cache:conv:acme:eu:1" in said(pilot))
        await pilot.press("i")
        await until(pilot, lambda: isinstance(pilot.app.screen, IncludeDialog))
        assert "may be of acme or of a tenant with the same beginning" in said(pilot)
        await pilot.press("space", "enter")
        await until(pilot, lambda: card.plan is not None and card.plan.count == 3)
        assert card.plan is not None and card.plan.digest != plan.digest
        assert {key.key for key in card.plan.keys} >= {b"cache:conv:acme:eu:1"}
        text = said(pilot)
        for part in ("Type  test 3", "1 key whose owner is not certain, included by you", "1 key whose owner"):
            assert part in text, part
        await filled(pilot, "test 2")
        assert not card.may_confirm(), "the words of the plan before"


async def test_a_confirmation_is_never_half_drawn_row_102(redis: RealServer) -> None:
    async with running(redis) as (pilot, dashboard):
        card = await opened_card(pilot, dashboard)
        await filled(pilot)
        for size in ((60, 16), (63, 24), (80, 19), (20, 5), (1, 1)):
            await pilot.resize_terminal(*size)
            await until(pilot, lambda: not card.query_one("#go").display)
            assert not card.may_confirm() and not card.form.typed.display
            if size[0] >= 60:
                await until(pilot, lambda: "too small to confirm" in said(pilot) and "Nothing is sent" in said(pilot))
            await pilot.press("enter")
            assert card.stage == "asking"
        await pilot.resize_terminal(140, 42)
        await until(pilot, lambda: "Type  test 1  ✓" in said(pilot) and card.may_confirm())


async def test_a_pasted_reason_is_one_line_and_its_line_breaks_confirm_nothing_row_71(redis: RealServer) -> None:
    async with running(redis) as (pilot, dashboard):
        card = await opened_card(pilot, dashboard)
        await filled(pilot, reason="")
        pilot.app.post_message(events.Paste("blocked since\r\n\x1b 9:00\n\n"))
        await until(pilot, lambda: card.query_one("#confirm-reason", Input).value != "")
        assert "\n" not in card.query_one("#confirm-reason", Input).value
        assert card.query_one("#confirm-reason", Input).value.startswith("blocked since ")
        assert card.stage == "asking" and card.query_one("#confirm-reason").has_focus


async def test_more_keys_than_usual_need_the_flag_and_the_card_says_so_row_78(redis: RealServer) -> None:
    request = ActionRequest(kind="reset_counters", tenant=b"clinic_b")
    async with running(redis, max_keys=1) as (pilot, dashboard):
        await card_of(pilot, dashboard, request)
        assert "2 keys; an action takes at most 1" in said(pilot) and "--max-keys" in said(pilot)
    async with running(redis, max_keys=25_000) as (pilot, dashboard):
        await card_of(pilot, dashboard, request)
        assert "25,000 keys (--max-keys)" in said(pilot)


@pytest.mark.parametrize(
    ("arguments", "said_"),
    [
        (["--max-keys", "0"], "0 is not in the range"),
        (["--max-keys", "1000001"], "is not in the range"),
        (["--max-keys", "20000", "run", "diagnose_gateway_health"], "--max-keys is for the dashboard"),
    ],
)
def test_the_flag_is_bounded_and_belongs_to_the_dashboard_row_78(
    arguments: list[str], said_: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from optimus_tui.__main__ import run

    assert run(arguments) == 2
    assert said_ in capsys.readouterr().err


async def test_q_closes_a_told_card_and_its_receipt_is_not_lost(redis: RealServer) -> None:
    async with running(redis) as (pilot, dashboard):
        seen: list[object] = []
        action_service = await dashboard.actions.open_service()
        await action_service.arm("test")

        async def carried() -> None:
            seen.append(await dashboard.actions.carry_out(ActionRequest(kind="repair_counter", tenant=b"clinic_b")))

        dashboard.run_worker(carried(), exit_on_error=False)
        await until(pilot, lambda: isinstance(pilot.app.screen, ActionDialog) and pilot.app.screen.stage == "asking")
        card: Any = pilot.app.screen
        await filled(pilot)
        await pilot.press("tab", "tab")
        await pilot.pause(0.6)
        await pilot.press("enter")
        await until(pilot, lambda: card.stage == "done")
        await pilot.press("q")
        await until(pilot, lambda: bool(seen))
        assert seen[0] is not None
