"""What a dialog says about its keys, on the lower edge of its frame."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from itertools import chain
from types import SimpleNamespace

import pytest
from rich.cells import cell_len
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.geometry import Size
from textual.widgets import Input, OptionList, SelectionList

import optimus_tui.tui
from optimus_tui.tui.actions.action_dialog_stages import FRAME_CELLS, StageTexts
from optimus_tui.tui.dialogs.base import Dialog

WRITTEN = {"esc": "escape", "↑↓": "up", "←→": "left", "→": "right", "←": "left", "↓": "down"}
"""What keys are called in hints, where that is not their name."""
OF_BODIES = (Input, OptionList, SelectionList, VerticalScroll)
"""What the body of a dialog may be, with the keys of these."""


def dialogs() -> Iterator[type[Dialog]]:
    for module in pkgutil.walk_packages(optimus_tui.tui.__path__, "optimus_tui.tui."):
        importlib.import_module(module.name)
    waiting = [Dialog]
    while waiting:
        kind = waiting.pop()
        yield kind
        waiting += kind.__subclasses__()


def bound(kind: type) -> set[str]:
    """Return the keys that a class and its bases bind."""
    rows = [row for base in kind.__mro__ for row in base.__dict__.get("BINDINGS", ())]
    keys = [row.key if isinstance(row, Binding) else row[0] for row in rows]
    return {key.strip() for one in keys for key in one.split(",")}


def refuses_enter(kind: type[Dialog]) -> bool:
    """Return whether Enter does no more than to say which keys answer."""
    rows = [row for base in kind.__mro__ for row in base.__dict__.get("BINDINGS", ()) if isinstance(row, tuple)]
    return next(action for keys, action, _ in rows if "enter" in keys.split(",")) == "refuse_enter"


HINTED = [kind for kind in dialogs() if "dialog_keys" in kind.__dict__ and kind.__module__.startswith("optimus_tui.")]


@pytest.mark.parametrize("kind", HINTED, ids=lambda kind: kind.__name__)
def test_a_dialog_names_only_keys_that_it_has_and_says_what_enter_does(kind: type[Dialog]) -> None:
    named = chain.from_iterable(re.findall(r"(?:^| {3,})(\S+)(?: or (\S+))?", kind.dialog_keys))
    keys = {WRITTEN.get(word, word) for word in named} - {"", "type"}
    assert keys <= bound(kind).union(*map(bound, OF_BODIES))
    assert "enter" in keys or "enter" not in bound(kind) or refuses_enter(kind)


@pytest.mark.parametrize("kind", HINTED, ids=lambda kind: kind.__name__)
def test_what_a_dialog_says_of_its_keys_is_whole_at_80_columns(kind: type[Dialog]) -> None:
    assert cell_len(kind.dialog_keys) <= 80 - FRAME_CELLS


@pytest.mark.parametrize("width", [80, 140])
@pytest.mark.parametrize("typed", [False, True], ids=["letters", "function keys"])
def test_an_action_says_all_its_keys_on_its_frame_and_what_the_button_says_only_with_room(
    width: int, typed: bool
) -> None:
    dialog = SimpleNamespace(
        stage="asking",
        is_command=lambda _: not typed,
        preview=SimpleNamespace(verb="Set TTL", samples=range(9)),
        plan=SimpleNamespace(ambiguous=()),
        refusal=None,
        outcome=None,
        size=Size(width, 24),
    )
    texts = StageTexts(dialog)
    told = texts.keys(overflows=True)
    assert cell_len(told) <= min(100, width) - FRAME_CELLS
    for part in ("↑↓ more", "enter next", "all keys", "plan again", "esc cancels"):
        assert part in told, told
    assert ("on the button: Set TTL" in told) is (width == 140)
