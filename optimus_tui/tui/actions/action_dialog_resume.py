"""The action dialog for an action that was interrupted: it resumes the action, or verifies and closes it."""

from typing import TYPE_CHECKING

from msgspec import structs

from optimus_tui.clock import Clock
from optimus_tui.contract.actions import Confirmation, Interrupted, Plan, Preview, Receipt, Refusal
from optimus_tui.tui.actions.action_dialog import ActionDialog
from optimus_tui.tui.actions.action_dialog_stages import DialogState, StageTexts
from optimus_tui.tui.actions.action_dialog_text import Lines, left_lines
from optimus_tui.wording.numbers import ago, plural
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.actions.checks import Verified
    from optimus_tui.actions.service import ActionService


class ResumeTexts(StageTexts):
    """The texts of an action that was interrupted."""

    def __init__(self, dialog: DialogState, left: Interrupted, verb: str) -> None:
        super().__init__(dialog)
        self.left, self.verb = left, verb

    def title(self) -> str:
        """Return whether the action is resumed or closed, and its own title."""
        return f"{self.verb}: {super().title()}"

    def leaves_rest(self) -> bool:
        """Return False: what is left undone is planned again from its own row."""
        return False

    def asking_lines(self, plan: Plan, preview: Preview, width: int) -> Lines:
        """Return the lines about what was left undone and is about to be confirmed."""
        return left_lines(self.left, preview.effect, width)

    def stage_keys(self) -> dict[str, str]:
        """Return the keys by stage. None of them makes a new plan."""
        return {"asking": "enter next   esc leaves it open", "acting": "esc stops after the batch"}


class ResumeDialog(ActionDialog):
    """The action dialog for an interrupted action: it resumes it, or verifies and closes it, which needs no words."""

    def __init__(
        self, action_service: "ActionService", clock: Clock, left: Interrupted, closing: str | None = None
    ) -> None:
        """Begin with what is left; ``closing`` is the reason to close it for, None to ask for words and resume it."""
        super().__init__(action_service, clock, left.plan.request)
        self.left, self.closing = left, closing
        self.texts = ResumeTexts(self, left, "Resume" if closing is None else "Close")

    def begin(self) -> None:
        """Ask for the words that resume the action, or close it at once."""
        plan, outcomes = self.left.plan, self.left.outcomes
        rest = tuple(key for key, outcome in zip(plan.keys, outcomes, strict=True) if outcome in ("left", "unknown"))
        preview = self.action_service.preview(structs.replace(plan, keys=rest))
        self.plan, self.preview = plan, structs.replace(preview, confirm=self.left.confirm)
        self.refusal = None
        if self.closing is None:
            self.stage = "asking"
            self.show_plan()
        else:
            self.stage = "acting"
            self.act(Confirmation("", self.closing))
            self.draw()
            self.query_one("#cancel").focus()

    async def perform(self, confirmation: Confirmation) -> Receipt | Refusal:
        """Close the action, or resume it."""
        if self.closing is not None:
            return await self.action_service.settle(self.left, self.closing, self._cancel, self._note_progress)
        return await self.action_service.resume(self.left, confirmation, self._cancel, self._note_progress)

    def age(self) -> float:
        """Return 0: the action service knows how old an interrupted action may be."""
        return 0.0

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Return False for the keys that would change the plan: an interrupted action keeps its own."""
        wanted = action
        if action == "letter":
            wanted = str(parameters[0])
        return wanted not in ("gentler", "replan", "include", "whole") and super().check_action(action, parameters)


def choices(left: Interrupted) -> list[tuple[str, str]]:
    """Return what can be done with an interrupted action: names, and words about each."""
    found = [("Verify", "reads its keys once more; changes nothing, and the action stays open")]
    if left.why_not is None:
        found.append(("Resume", "arms, asks for the words, and continues where it ended"))
    return [*found, ("Verify and close", "asks why; what was not tried stays as it is and can be planned again")]


def verified_words(left: Interrupted, seen: "Verified | Refusal") -> str:
    """Return in a sentence what a look at the keys of an interrupted action found."""
    if isinstance(seen, Refusal):
        return f"Not verified: {seen.message}"
    parts = [f"{plural(seen.there_again, 'tried key')} still match the plan: not changed, or written again"]
    if left.unknown:
        parts.append(f"{seen.unknown_gone:,} of {left.unknown:,} with an unknown outcome no longer match the plan")
    if seen.new_since:
        parts.append(f"{seen.new_since:,} new since the plan")
    return "Verified: " + ", ".join(parts) + "."


def open_words(service: "ActionService", left: Interrupted, wall: float) -> str:
    """Return what an interrupted action was, when it began (``wall`` is the time now), and what is not known of it."""
    preview = service.preview(left.plan)
    when, reason = ago(wall, left.started_at), safe_text(left.reason, 120)
    words = f"{preview.title} · {preview.subject}, begun {when} for: {reason}\n"
    if left.unknown:
        words += f"It is unknown whether {plural(left.unknown, 'tried key')} were changed. "
    if left.why_not:
        words += f"It cannot be resumed: {left.why_not}."
    return words.strip()
