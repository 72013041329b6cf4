"""The dialog that arms: it says where one would act, and asks for the environment's name, typed.

It decides nothing: what was typed goes to the action service, and its refusal is shown.
"""

from typing import TYPE_CHECKING

from textual import on, work
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from optimus_tui.contract.actions import Refusal
from optimus_tui.tui.dialogs.base import Dialog
from optimus_tui.tui.widgets.fields import TypedInput
from optimus_tui.wording.numbers import clause
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
