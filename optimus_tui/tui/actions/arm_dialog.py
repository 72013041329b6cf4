"""The small dialogs before an action: arm by typing the environment's name, and choose which keys are included."""

from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.binding import BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, SelectionList, Static
from textual.widgets.selection_list import Selection

from optimus_tui.contract.actions import Plan, Refusal
from optimus_tui.tui.dialogs.base import Dialog, about_lines
from optimus_tui.tui.widgets.fields import TickList, TypedInput
from optimus_tui.wording.numbers import clause, plural
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.actions.service import ActionService


IDLE_MINUTES = 3
"""What ``actions.guard.IDLE_SECONDS`` is: importing it here would load the write side."""


class ArmDialog(Dialog):
    """Dismisses with True once it is armed, else None."""

    dialog_title = "Arm"
    dialog_keys = "enter arms   esc stays read-only"

    def __init__(self, action_service: "ActionService", environment: str, place: str, minutes: float) -> None:
        super().__init__()
        self.action_service, self.environment, self.place, self.minutes = action_service, environment, place, minutes

    def body(self) -> list[Widget]:
        """Return the warning, and the field for the environment's name."""
        about = (
            f"For {self.minutes:g} min, or until no key is pressed for {IDLE_MINUTES:g} min, actions may change "
            f"{self.place}.\n"
            "Each of them still shows exactly what it does, and asks before it does it.\n"
        )
        return [
            Static(Content(about), classes="card-about"),
            Static(Content(f"Type the environment's name, {safe_text(self.environment, 60)}"), classes="ask-label"),
            TypedInput(id="arm-name", classes="ask-field", max_length=120, compact=True),
            Static(id="ask-wrong"),
        ]

    def on_mount(self) -> None:
        """Focus the field."""
        self.query_one(TypedInput).focus()

    def _say(self, sentence: str) -> None:
        self.query_one("#ask-wrong", Static).update(Content(sentence))

    @on(TypedInput.PasteRefused)
    def _pasted(self) -> None:
        self._say("type it: pasted text is refused")

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.value.strip():
            self._say("asking the server …")
            self.ask(event.value.strip())

    @work(exclusive=True, group="arm", exit_on_error=False)
    async def ask(self, typed: str) -> None:
        """Arm, or show why not."""
        answer = await self.action_service.arm(typed, self.minutes)
        if isinstance(answer, Refusal):
            self._say(answer.message + clause(answer.remedy, " · "))
            return
        if answer.note:
            self.app.notify(answer.note, markup=False, severity="warning")
        self.dismiss(True)


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
