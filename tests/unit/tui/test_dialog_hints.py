"""What a dialog says about its keys, on the lower edge of its frame."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from itertools import chain

import pytest
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.widgets import Input, OptionList, SelectionList

import optimus_tui.tui
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
