"""A drill that ends by itself does not open its result above what is asked or typed."""

from types import SimpleNamespace
from typing import Any

import pytest
from textual.screen import ModalScreen, Screen
from textual.widgets import Input, TextArea

from optimus_tui.tui.drills import DrillController


@pytest.mark.parametrize(
    ("screen", "focused", "asked"),
    [(Screen, None, False), (ModalScreen, None, True), (Screen, Input, True), (Screen, TextArea, True)],
)
def test_the_result_waits_for_dialogs_and_typing(screen: type[Any], focused: type[Any] | None, asked: bool) -> None:
    app = SimpleNamespace(screen=screen(), focused=focused() if focused else None)
    dashboard: Any = SimpleNamespace(app=app)
    incidents: Any = SimpleNamespace(actions=SimpleNamespace())
    assert DrillController(dashboard, incidents).is_asked() is asked
