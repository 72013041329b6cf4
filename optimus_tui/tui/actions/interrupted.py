"""Offer interrupted actions: verify them, resume them, or verify and close them."""

import asyncio
import fnmatch
from typing import TYPE_CHECKING

from optimus_tui.contract.actions import Interrupted, Refusal
from optimus_tui.tui.actions.controller import ActionsController, Outcome
from optimus_tui.tui.services import DashboardServices
from optimus_tui.wording.numbers import ago, plural
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.actions.checks import Verified


class InterruptedActions:
    """Offers interrupted actions at the start and from their incident, until each is closed.

    Nothing is imported or read if no action was left open. Resuming needs arming and typed words, as the action itself
    did.
    """

    def __init__(self, dashboard: DashboardServices, actions: ActionsController) -> None:
        self.dashboard, self.actions = dashboard, actions

    def offer(self, requested: bool = False) -> None:
        """Offer each interrupted action of this environment.

        Args:
            requested: The operator asked for them (``:interrupted``): say so if there are none.
        """
        self.dashboard.run_in_background("interrupted", self._offer, requested, asks=True)

    async def _offer(self, requested: bool) -> None:
        found = await self._left_open()
        others = self._say_others(found)
        mine = self._mine(found)
        if mine and not self.dashboard.is_on_top():
            self.dashboard.say("an action was interrupted: it is shown once you are back at the panes", "warning")
        for left in mine:
            await self.dashboard.optimus.keys.until_nothing_is_asked(self.dashboard.is_on_top)
            await self.take_up(left)
        if requested and not mine and not others:
            self.dashboard.say("no action was interrupted here")

    async def listed(self) -> list[Interrupted]:
        """Return the open actions of this environment that no process is carrying out."""
        return self._mine(await self._left_open())

    async def _left_open(self) -> list[Interrupted | Refusal]:
        if not await asyncio.to_thread(holds, "*.plan"):
            return []
        service = await self.actions.open_service()
        return await asyncio.to_thread(service.interrupted)

    def _mine(self, found: list[Interrupted | Refusal]) -> list[Interrupted]:
        here = self.dashboard.settings.environment
        return [item for item in found if isinstance(item, Interrupted) and item.plan.where.environment == here]

    def _say_others(self, found: list[Interrupted | Refusal]) -> bool:
        """Say what is wrong with those that cannot be taken up here. Return True if there were any."""
        elsewhere: set[str] = set()
        for item in found:
            if isinstance(item, Refusal):
                self.actions.say_refusal(item)
            elif item.plan.where.environment != self.dashboard.settings.environment:
                elsewhere.add(item.plan.where.environment)
        if elsewhere:
            names = ", ".join(sorted(elsewhere))
            self.dashboard.say(f"an action was interrupted in {names}: start with --env NAME to take it up", "warning")
        return len(self._mine(found)) < len(found)

    async def take_up(self, left: Interrupted) -> None:
        """Ask what to do with an interrupted action, until it is closed or the operator leaves it as it is."""
        from optimus_tui.tui.dialogs.base import PickDialog

        about = self._open_words(left)
        while True:
            title = f"Interrupted at {left.tried:,} of {plural(left.plan.count, 'key')}"
            place = await self.dashboard.ask(PickDialog(title, _choices(left), about))
            if place is None:
                self.dashboard.say("it stays open: :interrupted shows it again", "warning")
                return
            if place == 0:
                about = f"{self._open_words(left)}\n{await self._verified_words(left)}"
                continue
            closing = place == len(_choices(left)) - 1
            if closing and await self._close(left):
                return
            if not closing and await self._resume(left):
                return
            now = [item for item in await self.listed() if item.plan.id == left.plan.id]
            if not now:
                return
            left, about = now[0], self._open_words(now[0])

    async def _resume(self, left: Interrupted) -> bool:
        """Resume an action. Return True once it is closed."""
        from optimus_tui.tui.actions.action_dialog_resume import ResumeDialog

        if not await self.actions.ensure_armed():
            return False
        service = await self.actions.open_service()
        outcome: Outcome | None = await self.dashboard.ask(ResumeDialog(service, self.dashboard.context.clock, left))
        return await self._record(outcome)

    async def _close(self, left: Interrupted) -> bool:
        """Verify an action's keys and close it. Return True once it is closed."""
        from optimus_tui.tui.actions.action_dialog_resume import ResumeDialog
        from optimus_tui.tui.dialogs.base import QuestionDialog, QuestionField

        about = "Its keys are read once more. What was not tried stays as it is."
        answers = await self.dashboard.ask(QuestionDialog("Verify and close", [QuestionField("Reason")], about))
        if answers is None:
            return False
        service = await self.actions.open_service()
        dialog = ResumeDialog(service, self.dashboard.context.clock, left, answers[0])
        outcome: Outcome | None = await self.dashboard.ask(dialog)
        return await self._record(outcome)

    async def _record(self, outcome: Outcome | None) -> bool:
        """Record an outcome in the incident. Return True if the action is verified, and so closed."""
        if outcome is None:
            return False
        self.dashboard.refresh_now()
        await self.dashboard.incidents.record_action(*outcome)
        return outcome[0].verified

    async def _verified_words(self, left: Interrupted) -> str:
        service = await self.actions.open_service()
        seen: Verified | Refusal = await service.look(left, lambda _: None)
        if isinstance(seen, Refusal):
            return f"Not verified: {seen.message}"
        parts = [f"{plural(seen.there_again, 'tried key')} still match the plan: not changed, or written again"]
        if left.unknown:
            parts.append(f"{seen.unknown_gone:,} of {left.unknown:,} with an unknown outcome no longer match the plan")
        if seen.new_since:
            parts.append(f"{seen.new_since:,} new since the plan")
        return "Verified: " + ", ".join(parts) + "."

    def _open_words(self, left: Interrupted) -> str:
        service, what = self.actions.service, str(left.plan.request.kind)
        if service is not None:
            preview = service.preview(left.plan)
            what = f"{preview.title} · {preview.subject}"
        when = ago(self.dashboard.context.clock.wall(), left.started_at)
        words = f"{what}, begun {when} for: {safe_text(left.reason, 120)}\n"
        if left.unknown:
            words += f"It is unknown whether {plural(left.unknown, 'tried key')} were changed. "
        if left.why_not:
            words += f"It cannot be resumed: {left.why_not}."
        return words.strip()


def _choices(left: Interrupted) -> list[tuple[str, str]]:
    choices = [("Verify", "reads its keys once more; changes nothing, and the action stays open")]
    if left.why_not is None:
        choices.append(("Resume", "arms, asks for the words, and continues where it ended"))
    return [*choices, ("Verify and close", "asks why; what was not tried stays as it is and can be planned again")]


def holds(pattern: str) -> bool:
    """Return True if the actions' state directory has a file of this pattern, or may have one.

    It may have one if the directory cannot be read, or if something else is in its place or above it. The code that
    reads the file says what is wrong.

    Args:
        pattern: ``*.plan`` for actions that are open, ``*.receipt`` for those that are closed.
    """
    from optimus_tui.storage.private_file import UnreadableFile, names_in, state_dir

    try:
        return bool(fnmatch.filter(names_in(state_dir() / "actions"), pattern))
    except UnreadableFile:
        return True
