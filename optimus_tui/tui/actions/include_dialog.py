"""The dialog for keys whose owner is not certain: each is taken in by name or stays out. It decides nothing by itself.

A key is shown as text and kept as bytes: what is taken in is never rebuilt from what is shown.
"""

from typing import ClassVar

from textual.binding import BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import SelectionList
from textual.widgets.selection_list import Selection

from optimus_tui.contract.actions import Plan
from optimus_tui.tui.dialogs.base import Dialog, about_lines
from optimus_tui.tui.widgets.fields import TickList
from optimus_tui.wording.numbers import plural
from optimus_tui.wording.safe import safe_text

MAX_LISTED = 1_000
"""Keys in the list; more are not read one by one."""


class IncludeDialog(Dialog):
    """Dismisses with the keys that belong into the plan, or None where nothing was decided."""

    BINDINGS: ClassVar[list[BindingType]] = [("enter", "take", "take")]
    dialog_title = "Keys whose owner is not certain"
    dialog_keys = "space takes in or out   enter plans again   esc leaves"

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.keys = plan.ambiguous[:MAX_LISTED]
        self.tenant, self.left_out = safe_text(plan.request.tenant, 60), len(plan.ambiguous) - len(self.keys)
        self.taken = frozenset(key.key for key in plan.keys) & frozenset(plan.ambiguous)

    def body(self) -> list[Widget]:
        """Return the question and the list of uncertain keys."""
        about = f"{plural(len(self.keys), 'key')} may be of {self.tenant} or of a tenant whose name begins like it."
        if self.left_out:
            about += f" {self.left_out:,} more stay out."
        listed = [
            Selection(Content(safe_text(key, 200)), place, key in self.taken) for place, key in enumerate(self.keys)
        ]
        return [*about_lines(about), _List(*listed, id="body")]

    def action_take(self) -> None:
        """Take the ticked keys in, and leave the others of the list out."""
        chosen: list[int] = self.query_one(SelectionList).selected
        self.dismiss(frozenset(self.keys[place] for place in chosen))


class _List(TickList):
    """Enter decides for the whole list, space for one key."""

    BINDINGS: ClassVar[list[BindingType]] = [("enter", "screen.take", ""), ("space", "select", "")]
