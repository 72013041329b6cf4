"""Arm and disarm, carry out the actions for a row, and offer interrupted actions.

Everything that changes something goes through ``actions/service``, which is imported when it is first needed.
"""

import asyncio
import fnmatch
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import structs
from rich.cells import cell_len

from optimus_tui.contract.actions import ActionRequest, Interrupted, Receipt, Refusal
from optimus_tui.contract.findings import Finding
from optimus_tui.tui.dashboard.reports import known_findings, seen_tenants
from optimus_tui.tui.dashboard.status_line import mode_room, target_words
from optimus_tui.tui.services import CommandError, DashboardServices, OutsideRemedies
from optimus_tui.tui.widgets.row_marks import clear_marks
from optimus_tui.wording.numbers import clause, plural
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.actions.service import ActionService
    from optimus_tui.tui.actions.action_dialog import ActionDialog
    from optimus_tui.tui.actions.offers import Offer


DEFAULT_MINUTES = 10.0
MAX_MINUTES = 60.0

Outcome = tuple[Receipt, str]
"""A receipt, and the words about its audit record."""


class ActionsController:
    """Arms, asks and carries out actions. Panes show what an action changed with the next reading."""

    def __init__(self, dashboard: DashboardServices) -> None:
        self.dashboard = dashboard
        self.service: ActionService | None = None
        """What plans and carries out actions; None until somebody asks for one."""
        self.outside: OutsideRemedies | None = None
        """What knows the demo's remedies; None where nothing does."""
        self.did: Callable[[Receipt], None] = lambda _: None
        """Called with what an action has done, verified or not."""

    async def open_service(self) -> "ActionService":
        """Return the action service of this environment. It is imported in a thread the first time."""
        if self.service is None:
            made = await asyncio.to_thread(_load)
            self.service = self.service or made(self.dashboard.context)
        return self.service

    def close_service(self) -> None:
        """Disarm. A running action is stopped by its dialog."""
        if self.service is not None:
            self.service.close()
            self.service = None
        self.dashboard.optimus.touched = None

    def mode_words(self, beside: str = "") -> tuple[str, str]:
        """Return the header's words and their style: ``read-only``, or for how long and where actions are armed.

        ``beside``: other words that the header must have room for, such as the clock of a drill.
        """
        if self.service is None or self.service.guard.armed is None:
            return "read-only", "quiet"
        armed = self.service.guard.armed
        from optimus_tui.tui.actions.action_dialog_stages import armed_words

        whole = armed_words(self.service.guard)
        room = mode_room(self.dashboard.settings, self.dashboard.size.width, beside)
        # Without room, leave out how long no key was pressed: the time left includes it.
        for words in (whole, whole.partition(": no key")[0]):
            target = target_words(armed.where, room - cell_len(words))
            if armed.where.place in target:
                break
        return words + target, "b:error"

    # -- arming

    def arm(self, text: str = "") -> None:
        """Ask for the environment's name and arm (``:arm 10m``).

        Args:
            text: The duration, as ``10m`` or ``90s``; ``DEFAULT_MINUTES`` if empty.

        Raises:
            CommandError: The environment is read-only, or the time is wrong.
        """
        settings = self.dashboard.settings
        if not settings.writable:
            place = f"[env.{settings.environment}]"
            raise CommandError(f"{settings.environment} is read-only: set writable = true in {place}")
        self.dashboard.run_in_background("arming", self._arm_for, minutes_of(text), asks=True)

    async def _arm_for(self, minutes: float) -> None:
        if await self.ask_to_arm(minutes):
            text = f"armed for {minutes:g} min: a shows what can be done about a row, :disarm ends it"
            self.dashboard.say(text, "warning")

    async def ask_to_arm(self, minutes: float = DEFAULT_MINUTES, what: str = "") -> bool:
        """Ask for the environment's name and arm. Return True once it is armed; the reason is shown otherwise."""
        from optimus_tui.tui.actions.questions import ArmDialog

        service, settings = await self.open_service(), self.dashboard.settings
        refusal = service.may_ever_arm()
        if refusal is not None:
            self.say_refusal(refusal)
            return False
        target = settings.operator_redis or settings.redis
        where = f"{settings.environment}, Redis at {safe_text(target.place, 80)}"
        armed = bool(await self.dashboard.ask(ArmDialog(service, settings.environment, where, minutes, what)))
        if armed:
            self.dashboard.optimus.touched = service.guard.touch
        self.dashboard.draw_status()
        return armed

    async def ensure_armed(self, what: str = "") -> bool:
        """Ask to arm for ``what`` (safe text) unless actions are armed already. Return True if they are armed now."""
        service = await self.open_service()
        return service.guard.armed is not None or await self.ask_to_arm(what=what)

    def disarm(self) -> None:
        """Go back to read-only (``:disarm``).

        Raises:
            CommandError: Nothing is armed.
        """
        if self.service is None or self.service.guard.armed is None:
            raise CommandError("nothing is armed")
        self.service.guard.disarm()
        self.dashboard.optimus.touched = None
        self.dashboard.draw_status()
        self.dashboard.say("disarmed: read-only again")

    def say_refusal(self, refusal: Refusal) -> None:
        """Show why an action was refused, and the remedy."""
        self.dashboard.say(refusal_words(refusal), "warning")

    # -- acting

    def choose_for_row(self) -> None:
        """Show the actions for the row under the cursor, and carry out the chosen one."""
        self.dashboard.run_in_background("acting", self._choose_for_row, name="actions", asks=True)

    def choose_for(self, row: object) -> None:
        """Show the actions for a finding or a pane's row, and carry out the chosen one."""
        self.dashboard.run_in_background("acting", self._choose_for, row, name="actions", asks=True)

    async def _choose_for_row(self) -> None:
        pane = self.dashboard.pane(self.dashboard.current)
        if not pane.row_marks:
            row, findings = pane.selected, pane.content.findings_here()
            if pane.NAME == "health" and findings:  # what e explains there first
                row, findings = findings[0], findings[:1]
            await self._choose_for(row, findings)
            return
        from optimus_tui.tui.actions.questions import marked_offers

        rows = [pane.rows[place] for place in pane.row_marks.places()]
        marked = len(pane.row_marks.keys)
        offers = marked_offers(rows) if rows else "no marked row is shown now: esc clears the marks"
        if isinstance(offers, str):
            self.dashboard.say(offers, "warning")
            return
        left = plural(marked - len(rows), "marked row is", "marked rows are")
        hidden = f" {left} not shown, and left out." * (marked > len(rows))
        if await self._pick(offers, hidden):
            clear_marks(pane, pane.row_marks)

    async def _choose_for(self, row: object, findings: Sequence[Finding] = ()) -> None:
        from optimus_tui.tui.actions import remedies as possible
        from optimus_tui.tui.actions.questions import finding_of, why_none
        from optimus_tui.tui.dashboard.evidence import BESIDE, figures_beside

        dashboard = self.dashboard
        if why := possible.nothing_to_do(dashboard, self.outside, finding_of(row)):
            dashboard.say(why)
            return
        chains = possible.chains_of(dashboard, findings or possible.findings_behind(dashboard, row))
        offers, remark = possible.offers_about(dashboard, row, chains)
        beside = figures_beside(dashboard, finding_of(row) or row)
        remedies = await possible.fitting_remedies(self.outside, chains)
        if remedies:
            place = await possible.ask_which(dashboard, chains, remedies, bool(offers), beside)
            if place is not None and place < len(remedies) and self.outside is not None:
                await self.outside.confirm(remedies[place].remedy.name, remedies[place].finding)
            if place != len(remedies):
                return
        if offers:
            await self._pick(offers, f"{remark}{clause(beside, BESIDE)}")
        elif not remedies:
            known = known_findings(dashboard.health)
            dashboard.say(why_none(row, known), "warning")

    async def _pick(self, offers: "Sequence[Offer]", remark: str = "") -> bool:
        """Let one of the actions be chosen, and carry it out. Return True if something was done."""
        from optimus_tui.tui.dialogs.base import PickDialog

        dashboard = self.dashboard
        names = [(offer.name, offer.about) for offer in offers]
        refusal = (await self.open_service()).may_ever_arm()
        if refusal is not None:
            about = f"Not possible here: {refusal_words(refusal)}.{remark}"
            if refusal.code == "layout":
                dashboard.say(about, "warning")
            else:
                await dashboard.ask(PickDialog("Actions", names, about, greyed=True))
            return False
        if not await self.ensure_armed(offers[0].name + ", or another action that you choose next" * (len(offers) > 1)):
            return False
        place = await dashboard.ask(PickDialog("Actions", names, f"Each shows what it would do, and asks.{remark}"))
        return place is not None and await self._carry_out(offers[place].request)

    async def _carry_out(self, request: ActionRequest) -> bool:
        """Carry out an action, and record it in the incident. Return True if something was done."""
        before = self.dashboard.incidents.alarming()
        outcome = await self.carry_out(request)
        if outcome is not None:
            self.did(outcome[0])
            await self.dashboard.incidents.record_action(*outcome, before)
        return outcome is not None

    async def carry_out(self, request: ActionRequest) -> Outcome | None:
        """Show the dialog of an action, which carries it out once confirmed.

        Returns:
            The receipt and the words about its audit record, as soon as they are known: the dialog may still be
            open. None if nothing was done.
        """
        from optimus_tui.tui.actions.action_dialog import ActionDialog
        from optimus_tui.tui.actions.questions import completed

        whole = await completed(self.dashboard, request)
        if whole is None:
            return None
        service = await self.open_service()
        limit = self.dashboard.settings.max_keys or whole.max_keys
        whole = structs.replace(whole, max_keys=limit, incident=self.dashboard.incidents.open_number())
        dialog = ActionDialog(service, self.dashboard.context.clock, whole, self._known_tenants())
        dialog.proof_of = self.dashboard.incidents.proof_of
        closed = self.dashboard.app.push_screen(dialog, wait_for_dismiss=True)
        closed.add_done_callback(lambda _: self._plan_rest(dialog))
        # The next check does not wait until the dialog is closed.
        reported = asyncio.ensure_future(dialog.reported.wait())
        try:
            await asyncio.wait((closed, reported), return_when=asyncio.FIRST_COMPLETED)
        finally:
            reported.cancel()
        outcome = dialog.outcome
        if outcome is None and not dialog.began:
            self.dashboard.say("left without an action: nothing was changed")
        elif outcome is not None:
            self.dashboard.refresh_now()
            if not outcome[0].verified:
                text = "the action stays open: :interrupted verifies, resumes or closes it"
                self.dashboard.say(text, "warning")
        return outcome

    def _plan_rest(self, dialog: "ActionDialog") -> None:
        """Ask about what an action left undone, in a new plan, if its dialog was closed for that."""
        if dialog.wants_rest:
            # Not in the group of the action itself, whose check may still run.
            self.dashboard.run_in_background("acting on the rest", self._act_on_rest, dialog.request, asks=True)

    async def _act_on_rest(self, request: ActionRequest) -> None:
        service = await self.open_service()
        if await service.is_still_armed() or await self.ask_to_arm(what="the rest of the action"):
            await self._carry_out(request)

    def _known_tenants(self) -> Any:
        """Return the tenants with counters: they settle which tenant a name with colons belongs to."""
        from optimus_tui.actions.redis.keys import Known

        return Known(frozenset(seen_tenants(self.dashboard)))


def refusal_words(refusal: Refusal) -> str:
    """Return in a sentence why an action was refused, and the remedy."""
    return refusal.message + clause(refusal.remedy, ": ")


def minutes_of(text: str) -> float:
    """Return the minutes in a text such as ``10m``, ``10`` or ``90s``; ``DEFAULT_MINUTES`` if it is empty.

    Raises:
        CommandError: It is not a duration above 0 and up to ``MAX_MINUTES``.
    """
    if not text:
        return DEFAULT_MINUTES
    scale, number = 1.0, text.removesuffix("m")
    if text.endswith("s"):
        scale, number = 1 / 60, text[:-1]
    try:
        minutes = float(number) * scale
    except ValueError:
        minutes = 0.0
    if not 0 < minutes <= MAX_MINUTES:
        raise CommandError(f":arm takes minutes up to {MAX_MINUTES:g}, as in :arm 10m")
    return minutes


def _load() -> "type[ActionService]":
    from optimus_tui.actions.service import ActionService

    return ActionService


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
        from optimus_tui.tui.actions import action_dialog_resume as words
        from optimus_tui.tui.dialogs.base import PickDialog

        service, now_s = await self.actions.open_service(), self.dashboard.context.clock.wall
        about = words.open_words(service, left, now_s())
        while True:
            title = f"Interrupted at {left.tried:,} of {plural(left.plan.count, 'key')}"
            place = await self.dashboard.ask(PickDialog(title, words.choices(left), about))
            if place is None:
                self.dashboard.say("it stays open: :interrupted shows it again", "warning")
                return
            if place == 0:
                seen = words.verified_words(left, await service.look(left, lambda _: None))
                about = f"{words.open_words(service, left, now_s())}\n{seen}"
                continue
            closing = place == len(words.choices(left)) - 1
            if closing and await self._close(left):
                return
            if not closing and await self._resume(left):
                return
            now = [item for item in await self.listed() if item.plan.id == left.plan.id]
            if not now:
                return
            left, about = now[0], words.open_words(service, now[0], now_s())

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
