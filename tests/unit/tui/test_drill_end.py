"""A drill that ends by itself does not open its result above what is asked or typed; its marks stand in one column."""

from types import SimpleNamespace
from typing import Any

import pytest
from textual.screen import ModalScreen, Screen
from textual.widgets import Input, TextArea

from optimus_tui.contract.incident import DrillMilestone, DrillResult
from optimus_tui.tui.drill_result import result_sections
from optimus_tui.tui.drills import DrillController
from optimus_tui.tui.theme import plain_text
from optimus_tui.tui.tools.lists import report_lines


@pytest.mark.parametrize(
    ("screen", "focused", "asked"),
    [(Screen, None, False), (ModalScreen, None, True), (Screen, Input, True), (Screen, TextArea, True)],
)
def test_the_result_waits_for_dialogs_and_typing(screen: type[Any], focused: type[Any] | None, asked: bool) -> None:
    app = SimpleNamespace(screen=screen(), focused=focused() if focused else None)
    dashboard: Any = SimpleNamespace(app=app)
    incidents: Any = SimpleNamespace(actions=SimpleNamespace())
    assert DrillController(dashboard, incidents).is_asked() is asked


def test_the_words_of_a_drill_s_marks_stand_in_one_column_apart_from_its_times() -> None:
    times = (0.4, 76.0, 143.0, None)
    names = ("shown", "closed", "acted", "gone")
    marks = tuple(DrillMilestone(name, at, "bulk " * 40) for name, at in zip(names, times, strict=True))
    result = DrillResult("stampede", "a stampede", "wait", "solved", True, marks, (), 0.4, None, None)
    shown = next(one for one in result_sections(result) if one.title.startswith("Marks"))
    lines = [plain_text(line) for line in report_lines([shown], 78)]
    assert len({line.index("bulk") for line in lines if "bulk" in line}) == 1
    assert sum("2 min 23 s  bulk" in line for line in lines) == 1


def test_what_the_marks_say_is_not_said_again_as_missed() -> None:
    mark = DrillMilestone("opened", None, "no incident was opened")

    def missed(*words: str) -> list[str]:
        result = DrillResult("s", "s", "wait", "given up", False, (mark,), words, 0.4, None, None)
        return [line.text for part in result_sections(result) if part.title == "Missed" for line in part.lines]

    assert missed("opened: no incident was opened") == []
    assert missed("opened: no incident was opened", "step 2 was skipped") == ["step 2 was skipped"]
    assert missed() == ["nothing"]
