"""The dashboard's hand on interrupted actions: offers each at the start and from its incident, until it is closed.

Nothing is imported or read where no action was left open. It refuses to go on by itself: going on needs arming and
typed words, as the action did.
"""

import asyncio
import fnmatch
from typing import TYPE_CHECKING

from textual import work

from optimus_tui.contract.actions import Interrupted, Receipt, Refusal
from optimus_tui.tui.screens.acting import Acting
from optimus_tui.wording.age import ago
from optimus_tui.wording.numbers import plural
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.actions.verifying import Verified

Outcome = tuple[Receipt, str]


class TakingUp(Acting):
    """Offers what is left open."""

    def open_interrupted(self) -> None:
        """``:interrupted``."""
        self.offer_interrupted(asked=True)

    @work(exclusive=True, group="interrupted", name="interrupted", exit_on_error=False)
    async def offer_interrupted(self, asked: bool = False) -> None:
        """At the start, and when ``asked`` for: then it is also said that there is none."""
        found = await self._left_open()
        others = self._say_others(found)
        mine = self._mine(found)
        if mine and self.app.screen is not self:
            self.say("an action was interrupted: :interrupted shows it", "warning")  # nothing pops up over a card
            return
        for left in mine:
            await self.take_up(left)
        if asked and not mine and not others:
            self.say("no action was interrupted here")

    async def interrupted(self) -> list[Interrupted]:
        """Open actions of this environment that no process has."""
        return self._mine(await self._left_open())

    async def _left_open(self) -> list[Interrupted | Refusal]:
        if not await asyncio.to_thread(holds, "*.plan"):
            return []
        action_service = await self.open_desk()
        return await asyncio.to_thread(action_service.interrupted)

    def _mine(self, found: list[Interrupted | Refusal]) -> list[Interrupted]:
        here = self.settings.environment
        return [one for one in found if isinstance(one, Interrupted) and one.plan.where.environment == here]

    def _say_others(self, found: list[Interrupted | Refusal]) -> bool:
        """Say what is wrong with those that cannot be taken up here; whether there were any."""
        elsewhere: set[str] = set()
        for one in found:
            if isinstance(one, Refusal):
                self.say_refusal(one)
            elif one.plan.where.environment != self.settings.environment:
                elsewhere.add(one.plan.where.environment)
        if elsewhere:
            self.say(f"an action was interrupted in {', '.join(sorted(elsewhere))}: it is offered there", "warning")
        return len(self._mine(found)) < len(found)

    async def take_up(self, left: Interrupted) -> None:
        """Ask what to do with one until it is closed, or left as it is."""
        from optimus_tui.tui.modals.pick import PickDialog

        about = self._open_words(left)
        while True:
            title = f"Interrupted at {left.tried:,} of {plural(left.plan.count, 'key')}"
            place = await self.app.push_screen_wait(PickDialog(title, _ways(left), about))
            if place is None:
                self.say("it stays open: :interrupted shows it again", "warning")
                return
            if place == 0:
                about = f"{self._open_words(left)}\n{await self._verified_words(left)}"
                continue
            closing = place == len(_ways(left)) - 1
            if await (self._close(left) if closing else self._resume(left)):
                return
            now = [one for one in await self.interrupted() if one.plan.id == left.plan.id]
            if not now:
                return
            left, about = now[0], self._open_words(now[0])

    async def _resume(self, left: Interrupted) -> bool:
        """True once it is closed."""
        from optimus_tui.tui.modals.action_dialog_resume import ResumeCard

        if not await self.be_armed():
            return False
        action_service = await self.open_desk()
        outcome: Outcome | None = await self.app.push_screen_wait(ResumeCard(action_service, self.context.clock, left))
        return await self._told(outcome)

    async def _close(self, left: Interrupted) -> bool:
        from optimus_tui.tui.modals.action_dialog_resume import ResumeCard
        from optimus_tui.tui.modals.question import Line, QuestionDialog

        about = "Its keys are looked at once more. What was not tried stays as it is."
        said = await self.app.push_screen_wait(QuestionDialog("Verify and close", [Line("Why")], about))
        if said is None:
            return False
        action_service = await self.open_desk()
        card = ResumeCard(action_service, self.context.clock, left, said[0])
        outcome: Outcome | None = await self.app.push_screen_wait(card)
        return await self._told(outcome)

    async def _told(self, outcome: Outcome | None) -> bool:
        if outcome is None:
            return False
        self.refresh_now()
        await self.record_action(*outcome)
        return outcome[0].verified

    async def _verified_words(self, left: Interrupted) -> str:
        action_service = await self.open_desk()
        seen: Verified | Refusal = await action_service.look(left, lambda _: None)
        if isinstance(seen, Refusal):
            return f"Not verified: {seen.message}"
        parts = [f"{plural(seen.there_again, 'tried key')} still to be done or written anew"]
        if left.unknown:
            parts.append(f"{seen.unknown_gone:,} of {left.unknown:,} unknown ones are as they should be")
        if seen.new_since:
            parts.append(f"{seen.new_since:,} new since the plan")
        return "Verified: " + ", ".join(parts) + "."

    def _open_words(self, left: Interrupted) -> str:
        card_words = self.action_service.preview(left.plan) if self.action_service is not None else None
        what = f"{card_words.title} · {card_words.subject}" if card_words else left.plan.request.kind
        when = ago(self.context.clock.wall(), left.started_at)
        known = f"{left.unknown:,} of the tried ones unknown. " if left.unknown else ""
        why_not = f"It cannot be resumed: {left.why_not}. " if left.why_not else ""
        words = f"{what}, begun {when} for: {safe_text(left.reason, 120)}\n{known}{why_not}"
        return words.strip()


def _ways(left: Interrupted) -> list[tuple[str, str]]:
    ways = [("Verify", "looks at its keys once more; changes nothing, and it stays open")]
    if left.why_not is None:
        ways.append(("Resume", "arms, asks for the words, and goes on where it ended"))
    return [*ways, ("Verify and close", "asks why; what was not tried stays as it is and can be planned anew")]


def holds(pattern: str) -> bool:
    """Whether an action left such a file: the plan of one that is open, the receipt of one that is closed.

    True, too, where nobody can tell, since something else stands in their directory's place, or above it, or it cannot
    be read: whoever reads it says what.
    """
    from platformdirs import user_state_path

    from optimus_tui.history.state_files import Unreadable, names_in

    folder = user_state_path("optimus-tui", appauthor=False) / "actions"
    try:
        return bool(fnmatch.filter(names_in(folder), pattern))
    except Unreadable:
        return True
