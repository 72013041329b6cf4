"""The card of an interrupted action: go on with it after arming and its words, or look, close it and do nothing.

What was done before the interruption comes from the audit, never from memory. Closing needs no words: it writes nothing
but the audit.
"""

from typing import TYPE_CHECKING

from msgspec import structs

from optimus_tui.clock import Clock
from optimus_tui.contract.actions import Confirmation, Interrupted, Receipt, Refusal
from optimus_tui.tui.actions.action_dialog import ActionDialog
from optimus_tui.tui.actions.action_dialog_text import Lines, left_lines

if TYPE_CHECKING:
    from optimus_tui.actions.service import ActionService


class ResumeCard(ActionDialog):
    """As the action card; ``closing`` is the reason to close it for, None asks for words and goes on."""

    def __init__(
        self, action_service: "ActionService", clock: Clock, left: Interrupted, closing: str | None = None
    ) -> None:
        super().__init__(action_service, clock, left.plan.request)
        self.left, self.closing = left, closing

    def begin(self) -> None:
        plan, outcomes = self.left.plan, self.left.outcomes
        rest = tuple(key for key, outcome in zip(plan.keys, outcomes, strict=True) if outcome in ("left", "unknown"))
        self.plan, self.card = plan, self.action_service.preview(structs.replace(plan, keys=rest))
        self.words, self._refusal = self.left.confirm, None
        if self.closing is None:
            self.stage = "asking"
        else:
            self.stage = "acting"
            self.act(Confirmation("", self.closing))
        self.draw()
        self.query_one("#cancel").focus()

    async def perform(self, confirmation: Confirmation) -> Receipt | Refusal:
        if self.closing is not None:
            return await self.action_service.settle(self.left, self.closing, self._cancel, self._heard)
        return await self.action_service.resume(self.left, confirmation, self._cancel, self._heard)

    def _title(self) -> str:
        return f"{'Resume' if self.closing is None else 'Close'}: {super()._title()}"

    def _asking_lines(self, width: int) -> Lines:
        return left_lines(self.left, self.card.effect if self.card else "", width)

    def _age(self) -> float:
        return 0.0  # the desk knows how old is too old for going on

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Its keys are those of its plan: there is nothing to plan, to widen or to take in."""
        asked = str(parameters[0]) if action == "letter" else action
        return asked not in ("gentler", "anew", "include", "whole") and super().check_action(action, parameters)

    def _keys(self, overflows: bool) -> str:
        keys = {"asking": "tab next   esc leaves it open", "acting": "esc stops after the batch"}
        return ("↑↓ more   " if overflows else "") + keys.get(self.stage, "esc closes")
