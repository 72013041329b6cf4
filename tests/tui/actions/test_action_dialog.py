"""The guard and the action card on a real server: what arms, what confirms, what does not, and what is on the wire."""

import asyncio

import pytest
from textual import events
from textual.widgets import Input

from optimus_tui.tui.actions import enter_guard
from optimus_tui.tui.actions.questions import ArmDialog
from optimus_tui.tui.dialogs.base import PickDialog
from tests.amounts import at_night
from tests.realserver import RealServer
from tests.sizes import SIZES
from tests.tui.driver import (
    IMMORTAL,
    confirm,
    filled,
    opened_card,
    running,
    said,
    shown,
    typed,
    until,
)
from tests.tui.pane_app import screen_lines


async def test_an_immortal_counter_is_repaired_and_the_receipt_names_the_audit_line(redis: RealServer) -> None:
    async with running(redis) as (pilot, dashboard):
        card = await opened_card(pilot, dashboard)
        assert card.query_one("#confirm-typed").has_focus
        text = said(pilot)
        for part in ("rate_limit:clinic_b:chat", "no TTL", "Other tenants touched  0", "Type  test 1", "1 key"):
            assert part in text, part
        await filled(pilot)
        await pilot.press("tab")
        assert card.query_one("#cancel").has_focus
        await pilot.press("tab")
        assert card.query_one("#go").has_focus
        await confirm(pilot, card)
        await until(pilot, lambda: card.stage == "done")
        text = said(pilot)
        assert "Done: the keys are as planned" in text
        assert "Keys      rate_limit:clinic_b:chat" in text
        assert "Now       1 counter of clinic_b ends in 1:00; requests after that count from 0." in text
        assert "line " in text and "audit.jsonl" in text
        assert 0 < int(redis.command("TTL", IMMORTAL).strip().lstrip(b":")) <= 60
        assert redis.command("GET", IMMORTAL).endswith(b"400\r\n")
        await pilot.press("escape")
        assert "ARMED" in said(pilot)


async def test_enter_held_down_confirms_nothing_row_71(redis: RealServer) -> None:
    async with running(redis) as (pilot, dashboard):
        card = await opened_card(pilot, dashboard)
        card.guard.repeat_seconds = 60.0  # a busy machine repeats slowly
        await filled(pilot)
        await pilot.press(*["enter"] * 5)
        assert card.query_one("#go").has_focus
        assert card.stage == "asking"
        card.query_one("#go").focus()
        for _ in range(30):
            await pilot.press("enter")
            await asyncio.sleep(0.03)
        assert card.stage == "asking"
        assert redis.command("TTL", IMMORTAL).strip() == b":-1"


async def test_an_enter_long_after_a_refused_one_is_a_new_press(redis: RealServer) -> None:
    async with running(redis) as (pilot, dashboard):
        card = await opened_card(pilot, dashboard)
        card.guard.repeat_seconds = 3.0  # a busy machine stands still for a second
        await filled(pilot)
        await pilot.press("tab", "tab", "enter")
        assert "too soon" in said(pilot)
        await asyncio.sleep(enter_guard.QUIET_SECONDS + 0.1)
        await pilot.press("enter", "enter")
        assert card.stage == "asking", "a held key comes again this soon"
        assert "too soon" in said(pilot)
        await until(pilot, lambda: "too soon" not in said(pilot))
        assert "nothing was carried out: press enter once" in said(pilot)
        await asyncio.sleep(card.guard.repeat_seconds + 0.1)
        await pilot.press("enter")
        await until(pilot, lambda: card.stage == "done")


async def test_a_second_enter_is_carried_out_once_it_was_not_repeated(redis: RealServer) -> None:
    async with running(redis) as (pilot, dashboard):
        card = await opened_card(pilot, dashboard)
        await filled(pilot)
        await pilot.press("enter")
        assert card.query_one("#go").has_focus
        await asyncio.sleep(enter_guard.QUIET_SECONDS + 0.1)
        await pilot.press("enter")
        await until(pilot, lambda: card.stage == "done")


async def test_enter_in_the_reason_goes_on_or_says_what_is_missing(redis: RealServer) -> None:
    async with running(redis) as (pilot, dashboard):
        card = await opened_card(pilot, dashboard)
        await filled(pilot, words="test 2", reason="ok")
        await pilot.press("enter")
        assert card.query_one("#confirm-reason").has_focus
        assert "✗ reason too short: three letters or more" in said(pilot)
        await pilot.press("shift+tab", "enter")
        assert card.query_one("#confirm-typed").has_focus
        assert "✗ not these words" in said(pilot)
        await pilot.press("end", "backspace", "1", "enter", "end")
        assert "test 1  ✓" in said(pilot)
        assert card.query_one("#confirm-reason").has_focus
        await pilot.press("end", "k", "enter")
        assert card.query_one("#go").has_focus
        assert card.stage == "asking"
        await asyncio.sleep(enter_guard.REPEAT_SECONDS + 0.1)
        await pilot.press("enter")
        await until(pilot, lambda: card.stage == "done")


async def test_what_is_typed_while_a_button_has_the_focus_lands_in_the_field(redis: RealServer) -> None:
    async with running(redis) as (pilot, dashboard):
        card = await opened_card(pilot, dashboard)
        card.query_one("#cancel").focus()
        await typed(pilot, "test 1")
        await until(pilot, lambda: card.query_one("#confirm-typed", Input).value == "test 1")
        assert card.query_one("#confirm-typed").has_focus
        card.query_one("#cancel").focus()
        await pilot.press("v")
        assert card.whole, "its own keys stay keys"
        await typed(pilot, "0")
        assert card.query_one("#confirm-typed", Input).value == "test 10"


async def test_words_that_begin_with_a_command_are_typed_and_the_card_names_the_keys_that_work(
    redis: RealServer,
) -> None:
    async with running(redis) as (pilot, dashboard):
        card = await opened_card(pilot, dashboard, offer=2)
        plan = card.plan
        field = card.query_one("#confirm-typed", Input)
        for environment in ("qa", "vienna", "green", "int", "release"):
            field.value, card.form.words = "", f"{environment} 2"
            card.query_one("#cancel").focus()
            await typed(pilot, f"{environment} 2")
            assert card.is_attached and card.plan is plan and not card.whole
            assert field.value == f"{environment} 2"
        await until(pilot, lambda: "f5 plan again" in str(card.query_one("#card").border_subtitle))
        card.query_one("#cancel").focus()
        for letter in "qgir":
            await pilot.press(letter)
            assert card.is_attached and card.plan is plan, letter
            card.query_one("#cancel").focus()
        assert field.value == "release 2qgir"
        field.value = ""
        await pilot.press("f2")
        assert card.whole
        await pilot.press("f3")
        await until(pilot, lambda: card.request.kind == "repair_counter" and card.stage == "asking")
        await until(pilot, lambda: card.query_one("#confirm-typed").has_focus)
        card.query_one("#cancel").focus()
        await until(pilot, lambda: "r plan again" in str(card.query_one("#card").border_subtitle))
        await pilot.press("escape")
        await until(pilot, lambda: not card.is_attached)


async def test_a_letter_that_cannot_be_meant_for_the_field_is_a_command(redis: RealServer) -> None:
    async with running(redis) as (pilot, dashboard):
        card = await opened_card(pilot, dashboard)
        plan = card.plan
        card.query_one("#cancel").focus()
        await pilot.press("r")
        await until(pilot, lambda: card.plan is not plan and card.stage == "asking")
        assert card.query_one("#confirm-typed", Input).value == ""
        card.query_one("#cancel").focus()
        await pilot.press("q")
        await until(pilot, lambda: not card.is_attached)
        assert pilot.app.screen is dashboard and redis.command("TTL", IMMORTAL).strip() == b":-1"


async def test_what_is_pasted_is_refused_with_and_without_a_line_break_row_71(redis: RealServer) -> None:
    async with running(redis) as (pilot, dashboard):
        card = await opened_card(pilot, dashboard)
        pilot.app.post_message(events.Paste("test 1\n"))
        await until(pilot, lambda: "pasted text is not taken" in said(pilot))
        assert card.query_one("#confirm-typed", Input).value == ""
        assert not card.may_confirm()


@pytest.mark.parametrize(("words", "reason"), [("test 2", "a reason"), at_night("prod 1", "a reason"), ("test 1", "x")])
async def test_other_words_or_no_reason_leave_the_button_dead(redis: RealServer, words: str, reason: str) -> None:
    async with running(redis) as (pilot, dashboard):
        card = await opened_card(pilot, dashboard)
        await filled(pilot, words, reason)
        assert not card.may_confirm()
        card.query_one("#go").focus()
        await pilot.press("enter")
        assert card.stage == "asking" and not card.query_one("#go").has_focus
        assert len(card.query(".ask-mark.-refused")) == 1, "and it says which"


async def test_g_takes_the_gentler_choice_and_plans_it_anew(redis: RealServer) -> None:
    async with running(redis) as (pilot, dashboard):
        card = await opened_card(pilot, dashboard, offer=2)
        assert card.request.kind == "reset_counters"
        assert "2 keys" in said(pilot) and "cannot be undone" in said(pilot)
        await typed(pilot, "test 2")
        await pilot.press("f3")
        await until(pilot, lambda: card.request.kind == "repair_counter" and card.stage == "asking")
        assert card.query_one("#confirm-typed", Input).value == "test 2", "nothing that was typed is lost"
        assert "✗ not these words" in said(pilot)


async def test_what_was_typed_outlives_the_plans_minute_unless_the_keys_changed_row_70(
    redis: RealServer,
) -> None:
    async with running(redis) as (pilot, dashboard):
        card = await opened_card(pilot, dashboard, offer=2)
        card.renew_seconds = 0.2
        field = card.query_one("#confirm-typed", Input)
        field.focus()
        await typed(pilot, "test 2")
        first = card.plan
        await until(pilot, lambda: card.plan is not first)
        assert card.plan is not None and first is not None and card.plan.digest == first.digest
        assert (field.value, card.form.words) == ("test 2", "test 2")
        redis.command("SET", "rate_limit:clinic_b:profile", "3", "EX", "600")
        await until(pilot, lambda: card.form.words == "test 3")
        assert field.value == "test 2"
        assert "read the list again" in said(pilot) and "✗ not these words" in said(pilot)


async def test_a_card_fits_into_80_by_24_with_its_fields_and_buttons_in_sight(redis: RealServer) -> None:
    async with running(redis, size=(80, 24)) as (pilot, dashboard):
        await opened_card(pilot, dashboard, offer=2)
        pilot.app.clear_notifications()  # a toast may lie over the buttons
        await pilot.pause()
        text = said(pilot)
        for part in ("Other tenants touched", "Type  test 2", "Reason", "Cancel", "Reset", "cannot be undone"):
            assert part in text, part


@pytest.mark.parametrize(("counters", "offer"), [(1, 0), (15, 2)])
async def test_fields_and_buttons_stay_in_sight_however_long_the_lines(
    redis: RealServer, counters: int, offer: int
) -> None:
    for number in range(counters):
        redis.command("SET", f"rate_limit:clinic_b:{number or 'chat'}", "155")
    async with running(redis, size=(80, 24)) as (pilot, dashboard):
        card = await opened_card(pilot, dashboard, offer=offer)
        await until(
            pilot, lambda: card.stage == "asking" and card.query_one("#body").max_scroll_y == 2 * (counters > 1)
        )
        await pilot.press("f2")
        await until(pilot, lambda: (card.query_one("#body").max_scroll_y > 8) == (counters > 1))
        pilot.app.clear_notifications()
        await pilot.pause()
        text = said(pilot)
        for part in ("clinic_b", "Type  test", "Reason", "Cancel", "Reset  ", "ARMED"):
            assert part in text, part


@pytest.mark.parametrize("size", SIZES)
async def test_the_header_counts_down_and_disarm_ends_it(redis: RealServer, size: tuple[int, int]) -> None:
    async with running(redis, size=size) as (pilot, dashboard):
        assert "read-only" in said(pilot)
        dashboard.prompt.run("arm 5m")
        await until(pilot, lambda: isinstance(pilot.app.screen, ArmDialog))
        await typed(pilot, "test")
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.screen is dashboard and "ARMED 4:5" in said(pilot))
        assert f"127.0.0.1:{redis.port}" in screen_lines(pilot.app)[0]
        dashboard.prompt.run("disarm")
        await until(pilot, lambda: "read-only" in said(pilot))


async def test_an_idle_operator_is_disarmed_by_itself(redis: RealServer) -> None:
    async with running(redis) as (pilot, dashboard):
        dashboard.actions.arm("5m")
        await until(pilot, lambda: isinstance(pilot.app.screen, ArmDialog))
        await typed(pilot, "test")
        await pilot.press("enter")
        await until(pilot, lambda: "ARMED" in said(pilot))
        assert dashboard.actions.service is not None
        dashboard.actions.service.guard.idle_seconds = 0.2
        await until(pilot, lambda: "read-only" in said(pilot))
        assert dashboard.actions.service.guard.armed is None


async def test_a_read_only_environment_says_why_it_is_not_armed(redis: RealServer) -> None:
    async with running(redis, writable=False) as (pilot, dashboard):
        dashboard.prompt.run("arm")
        await until(pilot, lambda: "writable = true" in shown(pilot))
        dashboard.focus_on("limits")
        await pilot.press("a")
        await until(pilot, lambda: isinstance(pilot.app.screen, PickDialog))
        assert "Not possible here: test is read-only: set writable = true in [env.test]." in said(pilot)
        assert "Repair chat of clinic_b" in said(pilot), "and what could be done"
        await pilot.press("enter", "down", "enter")
        assert isinstance(pilot.app.screen, PickDialog)
        await pilot.press("escape")
        assert pilot.app.screen is dashboard
