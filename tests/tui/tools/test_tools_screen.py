"""The tools screen: form, run, answer, failure, cancel, copies, and the ways to it. Tools are fakes."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from textual.events import Hide
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from optimus_tui.contract.tools.common import ToolError
from optimus_tui.contract.tools.traffic import TroubleshootQuery, TroubleshootReport
from optimus_tui.tools.answer import ToolFailure, encode
from optimus_tui.tools.pages.report_sections import diagnostics
from optimus_tui.tools.parts import report as tell
from optimus_tui.tools.registry import TOOLS
from optimus_tui.tui.app import OptimusApp
from optimus_tui.tui.dashboard.screen import Dashboard
from optimus_tui.tui.dialogs.base import ChooseDialog, QuestionDialog
from optimus_tui.tui.dialogs.explain import ExplainDialog
from optimus_tui.tui.dialogs.help import HelpDialog
from optimus_tui.tui.keys import KEYS
from optimus_tui.tui.tools.form import FormChoice
from optimus_tui.tui.tools.lists import ReportView, RoutineDialog, ToolList
from optimus_tui.tui.tools.screen import ToolsScreen
from tests.sizes import SIZES
from tests.tool_documents import trouble
from tests.tui.driver import until
from tests.tui.keys import burst
from tests.tui.pane_app import screen_lines
from tests.tui.pictures import NEVER, SETTINGS, health_report, limits_report, reading

TROUBLE = "troubleshoot_production_issue"
Run = Callable[[Any, TroubleshootQuery], Awaitable[TroubleshootReport]]


pytestmark = pytest.mark.usefixtures("offline")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[TroubleshootQuery]:
    """The questions that reach the tool, which answers at once."""
    heard: list[TroubleshootQuery] = []

    async def run(ctx: Any, query: TroubleshootQuery) -> TroubleshootReport:
        heard.append(query)
        return trouble(tenant_id=query.tenant_id)

    fake(monkeypatch, run)
    return heard


def fake(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    code = SimpleNamespace(
        QUERY=TroubleshootQuery, REPORT=TroubleshootReport, run=run, found=lambda report: bool(report.diagnostics)
    )
    monkeypatch.setitem(TOOLS[TROUBLE].__dict__, "code", code)


async def open_tool(pilot: Pilot[Any], name: str = TROUBLE) -> ToolsScreen:
    app: Any = pilot.app
    await pilot.pause()
    app.screen.navigate.open_tools(name)
    await until(pilot, lambda: isinstance(app.screen, ToolsScreen) and app.screen._formed == name)
    await until(pilot, lambda: app.screen.form.has_focus_within)
    screen: ToolsScreen = app.screen
    return screen


def answered(screen: ToolsScreen) -> Callable[[], bool]:
    return lambda: screen.run is not None and not screen.run.running


@pytest.mark.parametrize("size", SIZES)
async def test_a_form_from_the_schema_is_filled_in_and_run_by_keys_alone(
    size: tuple[int, int], asked: list[TroubleshootQuery]
) -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=size) as pilot:
        screen = await open_tool(pilot)
        assert list(screen.form.fields) == ["issue_type", "tenant_id", "time_window_minutes"]
        await pilot.press("enter")
        assert screen.run is None  # the issue must be chosen: the form says so
        assert "issue_type is required" in "\n".join(screen_lines(app)).replace("\n", " ")
        while screen.form.values().get("issue_type") != "rate_limiting":
            await pilot.press("right")
        await pilot.press("down", *"clinic_a", "down", *"15", "enter")
        await until(pilot, answered(screen))
        assert asked == [TroubleshootQuery(issue_type="rate_limiting", tenant_id="clinic_a", time_window_minutes=15)]
        assert screen.run.encoded == encode(screen.run.report)  # type: ignore[attr-defined]
        lines = screen_lines(app)
        assert any("✖ CRIT" in line and "acme / chat never resets" in line for line in lines)
        assert any("redis-cli EXPIRE k 60 NX" in line for line in lines)
        assert any("exit 1" in line for line in lines)


@pytest.mark.parametrize("size", SIZES)
async def test_a_click_on_a_choice_opens_its_list_inside_of_the_screen(
    size: tuple[int, int], asked: list[TroubleshootQuery]
) -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=size) as pilot:
        screen = await open_tool(pilot)
        await pilot.click("FormChoice SelectCurrent")
        await until(pilot, lambda: isinstance(screen.focused, OptionList))
        await pilot.pause()
        assert screen.region.contains_region(screen.focused.region)
        await pilot.press("end", "enter")
        await until(pilot, lambda: isinstance(screen.focused, FormChoice))
        assert screen.form.values()["issue_type"] == screen.form.fields["issue_type"].places[-1]
        await pilot.press("enter")
        await until(pilot, answered(screen))
        assert len(asked) == 1


async def test_json_is_a_key_away_and_is_the_document_that_every_surface_gets(asked: list[Any]) -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(140, 90)) as pilot:
        screen = await open_tool(pilot)
        await pilot.press("right", "enter")
        await until(pilot, answered(screen))
        await pilot.press("J")
        view = screen.query_one(ReportView)
        shown = "\n".join(view.plain(at) for at in range(len(view.rows)))
        assert json.loads(shown) == json.loads(encode(screen.run.report))  # type: ignore[arg-type]
        await pilot.press("J")
        assert view.plain(0) == "Verdict"


async def test_escape_goes_back_one_level_at_a_time_and_answers_are_kept(asked: list[Any]) -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_tool(pilot)
        await pilot.press("right", "enter")
        await until(pilot, answered(screen))
        assert screen.query_one(ReportView).has_focus
        assert screen.has_class("-reading")
        await pilot.press("escape")
        await pilot.pause()
        assert screen.form.has_focus_within
        await pilot.press("escape")
        await pilot.pause()
        assert screen.query_one(ToolList).has_focus
        await pilot.press("up", "down")
        await until(pilot, lambda: screen._formed == TROUBLE and screen.tool.name == TROUBLE)
        assert screen.run is not None
        assert len(asked) == 1
        assert screen.form.values()["issue_type"]
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(app.screen, Dashboard)


async def test_a_running_tool_shows_its_progress_is_stopped_by_escape_and_the_screen_stays_alive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended = asyncio.Event()

    async def hang(ctx: Any, query: TroubleshootQuery) -> TroubleshootReport:
        tell(12_000, 50_000, "keys scanned")
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()
        return trouble()

    fake(monkeypatch, hang)
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(140, 42)) as pilot:
        screen = await open_tool(pilot)
        await pilot.press("right", "enter")
        await until(pilot, lambda: any("12,000 of 50,000 keys scanned" in line for line in screen_lines(app)))
        assert any("of 8 s" in line and "esc stops it" in line for line in screen_lines(app))
        await pilot.press("escape")
        await until(pilot, ended.is_set)
        assert screen.run.stopped == "stopped"
        assert screen.is_current
        assert any("stopped" in line for line in screen_lines(app))


@pytest.mark.parametrize("code", [2, 3, 4])
async def test_a_tool_without_a_result_is_its_sentence_and_its_code(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(ctx: Any, query: TroubleshootQuery) -> TroubleshootReport:
        raise ToolFailure(ToolError(code="unreachable", message="redis is \x1b[31m away; start it"), code)

    fake(monkeypatch, fail)
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_tool(pilot)
        await pilot.press("right", "enter")
        await until(pilot, answered(screen))
        lines = screen_lines(app)
        assert any(r"redis is \x1b[31m away; start it" in line for line in lines)
        assert any(f"exit {code}" in line for line in lines)


async def test_a_bug_in_a_tool_is_loud_and_costs_only_its_answer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    async def bug(ctx: Any, query: TroubleshootQuery) -> TroubleshootReport:
        raise ZeroDivisionError("our own")

    monkeypatch.setattr(OptimusApp, "keep_report", lambda self, error: "the report is in /x")
    fake(monkeypatch, bug)
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_tool(pilot)
        await pilot.press("right", "enter")
        await until(pilot, answered(screen))
        assert "bug in this program. the report is in /x" in screen.run.stopped
        assert screen.is_current


async def test_a_wrong_number_is_refused_by_the_tool_s_own_sentence(asked: list[Any]) -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(140, 42)) as pilot:
        screen = await open_tool(pilot)
        await pilot.press("right", "down", "down", *"0x", "enter")
        await pilot.pause()
        assert asked == []
        assert any("time_window_minutes: expected `int`" in line for line in screen_lines(app))
        assert isinstance(screen.focused, Input)


async def test_copy_as_offers_the_recommended_command_and_every_surface(asked: list[Any]) -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(140, 42)) as pilot:
        screen = await open_tool(pilot)
        await pilot.press("right", "enter")
        await until(pilot, answered(screen))
        await pilot.press("Y")
        await until(pilot, lambda: isinstance(app.screen, ChooseDialog))
        dialog: Any = app.screen
        assert [name for name, _ in dialog.choices] == [
            "Give it a TTL", "command line", "curl to `optimus-tui serve`", "MCP call",
        ]  # fmt: skip
        await pilot.press("escape")


@pytest.mark.parametrize("name", list(TOOLS))
async def test_every_registered_tool_has_a_form_with_all_its_arguments_at_80_columns(name: str) -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_tool(pilot, name)
        schema = TOOLS[name].input_schema()
        assert list(screen.form.fields) == list(schema["properties"])
        for field, spec in schema["properties"].items():
            is_choice = any(one.get("type") == "boolean" or "enum" in one for one in (spec, *spec.get("anyOf", ())))
            kind = FormChoice if is_choice else Input
            assert isinstance(screen.form.fields[field], kind), field
        assert screen.form.region.bottom < 24


async def test_t_in_an_explanation_runs_the_tool_that_explains_its_finding(asked: list[TroubleshootQuery]) -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(140, 42)) as pilot:
        await pilot.pause()
        dashboard: Any = app.screen
        dashboard.pane("health").reading = health_report()
        dashboard.pane("limits").reading = reading(limits_report())
        await pilot.pause()
        pane = dashboard.pane("health")
        pane.move_to(next(at for at, row in enumerate(pane.rows) if row.finding is not None))
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, ExplainDialog))
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.screen, ToolsScreen) and bool(asked))
        assert asked == [TroubleshootQuery(issue_type="rate_limiting", tenant_id="clinic_b")]


@pytest.mark.parametrize("size", SIZES)
async def test_enter_on_a_finding_of_an_answer_goes_to_its_row_and_esc_back_to_the_answer(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run(ctx: Any, query: TroubleshootQuery) -> TroubleshootReport:
        return trouble(diagnostics=diagnostics([NEVER]))

    fake(monkeypatch, run)
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        dashboard: Any = app.screen
        dashboard.pane("limits").reading = reading(limits_report())
        screen = await open_tool(pilot)
        await pilot.press("right", "enter")
        await until(pilot, answered(screen))
        view = screen.query_one(ReportView)
        assert "pane.open" not in {one.binding.id for one in screen.active_bindings.values() if one.enabled}
        while view.finding is None:
            await pilot.press("down")
        assert "pane.open" in {one.binding.id for one in screen.active_bindings.values() if one.enabled}
        line = view.cursor
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is dashboard)
        assert dashboard.pane("limits").selected.counter.key == b"rate_limit:clinic_b:chat"
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        assert view.cursor == line
        assert screen.run is not None


async def test_on_a_narrow_screen_there_is_one_column_and_each_place_names_the_way_back(asked: list[Any]) -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_tool(pilot)
        await pilot.pause()
        lines = screen_lines(app)
        assert not screen.query_one(ToolList).display or screen.query_one("#tools-left").size.height == 0
        assert any("esc: back to the list" in line for line in lines)
        assert any("issue type" in line and "choose with" in line for line in lines)  # label and value in one line
        await pilot.press("right", "enter")
        await until(pilot, answered(screen))
        await until(pilot, lambda: any("esc: back to its fields" in line for line in screen_lines(app)))
        await pilot.press("escape", "escape")
        await until(pilot, lambda: screen.query_one(ToolList).has_focus)
        await pilot.pause()
        assert screen.query_one(ToolList).size.width > 70
        assert any("esc: back to the panes" in line for line in screen_lines(app))


@pytest.mark.parametrize("size", SIZES)
async def test_the_routine_is_one_key_away_and_each_line_runs_with_enter(
    size: tuple[int, int], asked: list[TroubleshootQuery]
) -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        await pilot.press("R")
        await until(pilot, lambda: isinstance(app.screen, RoutineDialog))
        text = "\n".join(screen_lines(app))
        assert all(word in text for word in ("Morning", "Midday", "Evening", "Rate limit errors", "Service down"))
        assert "do events" not in text or "do events arrive" in text
        assert size[0] < 140 or "do events arrive" in text
        while "rate_limiting" not in str(app.screen.query_one("#body").selected.tool_call.arguments):  # type: ignore[attr-defined]
            await pilot.press("down")
        await pilot.press("enter")
        await until(pilot, lambda: bool(asked))
        assert asked[0].issue_type == "rate_limiting"
        assert isinstance(app.screen, ToolsScreen)


async def test_run_on_the_command_line_opens_the_tool_and_refuses_an_unknown_one() -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        dashboard: Any = app.screen
        dashboard.prompt.run("run sadness")
        assert app.screen is dashboard
        dashboard.prompt.run(f"run {TROUBLE}")  # type: ignore[attr-defined]
        await until(pilot, lambda: isinstance(app.screen, ToolsScreen))
        screen: Any = app.screen
        assert screen.tool.name == TROUBLE
        assert screen.run is None


async def test_help_lists_the_keys_that_work_on_the_tools_screen() -> None:
    app: Any = OptimusApp(SETTINGS)
    async with app.run_test(size=(140, 42)) as pilot:
        screen = await open_tool(pilot)
        screen.query_one(ToolList).focus()
        await pilot.pause()
        live = {one.binding.id for one in screen.active_bindings.values() if one.enabled and one.binding.id}
        assert {"pane.copy_as", "app.back", "pane.open"} <= live
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpDialog))
        words = " ".join(app.screen.content(90).plain.split())
        missing = [key.id for key in KEYS if key.id in live and key.help not in words]
        assert not missing


@pytest.mark.parametrize("size", SIZES)
async def test_e_explains_an_answers_findings_and_i_opens_an_incident_about_the_one_under_the_cursor(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run(ctx: Any, query: TroubleshootQuery) -> TroubleshootReport:
        return trouble(diagnostics=diagnostics([NEVER]))

    fake(monkeypatch, run)
    app: Any = OptimusApp(SETTINGS)
    async with app.run_test(size=size, notifications=True) as pilot:
        screen = await open_tool(pilot)
        await pilot.press("e")
        await until(pilot, lambda: "no answer yet to explain" in app.messages_said[-1].text)
        await pilot.press("right", "enter")
        await until(pilot, answered(screen))
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, ExplainDialog))
        assert [one.message for one in app.screen.findings] == [NEVER.message]
        assert app.screen.findings[0].samples == NEVER.samples
        await pilot.press("escape")
        view = screen.query_one(ReportView)
        view.move_to(next(at for at, line in enumerate(view.rows) if getattr(line, "finding", None)))
        await pilot.press("i")
        await until(pilot, lambda: isinstance(app.screen, QuestionDialog))
        assert "clinic_b / chat never resets" in "\n".join(screen_lines(app))


async def test_enter_right_after_the_cursor_moved_goes_to_the_form_of_that_tool(asked: list[Any]) -> None:
    app: Any = OptimusApp(SETTINGS)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_tool(pilot)
        screen.query_one(ToolList).focus()
        await burst(pilot, "g", "down", "down", "enter")
        await until(pilot, lambda: screen._formed == list(TOOLS)[2])
        await until(pilot, lambda: screen.form is not None and screen.form.has_focus_within)
        assert screen.tool.name == list(TOOLS)[2]


async def test_a_list_that_was_hidden_and_is_shown_again_keeps_the_focus(asked: list[Any]) -> None:
    app: Any = OptimusApp(SETTINGS)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_tool(pilot)
        listing = screen.query_one(ToolList)
        assert not listing.is_on_screen, "the form has all of the space"
        listing.focus()
        await until(pilot, lambda: listing.has_focus and listing.is_on_screen)
        listing.post_message(Hide())  # as a busy machine does: hidden when the form took the space, and told only now
        await pilot.pause()
        assert listing.has_focus
        screen.query_one("#tools-left").display = False
        await until(pilot, lambda: not listing.has_focus)
