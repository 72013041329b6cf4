"""Arms and disarms, and carries out what can be done about a row.

Everything that changes something goes through ``actions/service``; none of it is imported before it is asked for. No
row is repainted from here: the result of an action shows with the next reading.
"""

import asyncio
from typing import TYPE_CHECKING, Any

from msgspec import structs
from rich.cells import cell_len

from optimus_tui.contract.actions import ActionRequest, Receipt, Refusal
from optimus_tui.tui.dashboard.reports import last_report, seen_tenants
from optimus_tui.tui.dashboard.status_line import mode_room, target_words
from optimus_tui.tui.services import CommandError, DashboardServices
from optimus_tui.wording.numbers import clause
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.actions.service import ActionService

DEFAULT_MINUTES = 10.0
MAX_MINUTES = 60.0


class ActionsController:
    """Arms, asks and acts."""

    def __init__(self, dashboard: DashboardServices) -> None:
        self.dashboard = dashboard
        self.service: ActionService | None = None
        """What plans and carries out actions; None until somebody asks for one."""

    async def open_service(self) -> "ActionService":
        """Return the action service of this environment. It is imported in a thread the first time."""
        if self.service is None:
            made = await asyncio.to_thread(_load)
            self.service = self.service or made(self.dashboard.context)
        return self.service

    def close_service(self) -> None:
        """Disarm. The dialog of an action that runs stops it."""
        if self.service is not None:
            self.service.close()
            self.service = None
        self.dashboard.optimus.touched = None

    def mode_words(self) -> tuple[str, str]:
        """Return the header's words and their style: ``read-only``, or for how long and where actions are armed."""
        if self.service is None or self.service.guard.armed is None:
            return "read-only", "quiet"
        armed = self.service.guard.armed
        from optimus_tui.tui.actions.action_dialog_face import armed_words

        words, width = armed_words(self.service.guard), self.dashboard.size.width
        if width < 110:  # leave out how long no key was pressed: the time left includes it
            words = words.partition(": no key")[0]
        room = mode_room(self.dashboard.settings, width) - cell_len(words)
        return words + target_words(armed.where, room), "b:error"

    # -- arming

    def arm(self, text: str = "") -> None:
        """Ask for the environment's name and arm (``:arm 10m``).

        Args:
            text: For how long, as in ``10m`` or ``90s``; ``DEFAULT_MINUTES`` if empty.

        Raises:
            CommandError: The environment is read-only, or the time is wrong.
        """
        settings = self.dashboard.settings
        if not settings.writable:
            place = f"[env.{settings.environment}]"
            raise CommandError(f"{settings.environment} is read-only: set writable = true in {place}")
        self.dashboard.run_in_background("arming", self._arm_for, minutes_of(text))

    async def _arm_for(self, minutes: float) -> None:
        if await self.ask_to_arm(minutes):
            text = f"armed for {minutes:g} min: a shows what can be done about a row, :disarm ends it"
            self.dashboard.say(text, "warning")

    async def ask_to_arm(self, minutes: float = DEFAULT_MINUTES) -> bool:
        """Ask for the environment's name and arm. Return True once it is armed; the reason is shown otherwise."""
        from optimus_tui.tui.actions.arm_dialog import ArmDialog

        service, settings = await self.open_service(), self.dashboard.settings
        refusal = service.may_ever_arm()
        if refusal is not None:
            self.say_refusal(refusal)
            return False
        target = settings.operator_redis or settings.redis
        address = safe_text(target.path or f"{target.host}:{target.port}", 80)
        where = f"{settings.environment}, Redis at {address}"
        armed = bool(await self.dashboard.ask(ArmDialog(service, settings.environment, where, minutes)))
        if armed:
            self.dashboard.optimus.touched = service.guard.touch
        self.dashboard.draw_status()
        return armed

    async def ensure_armed(self) -> bool:
        """Arm if nothing is armed yet. Return True if actions are armed now."""
        service = await self.open_service()
        return service.guard.armed is not None or await self.ask_to_arm()

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
        """Show why something was refused, and what would help."""
        self.dashboard.say(refusal_words(refusal), "warning")

    # -- acting

    def choose_for_row(self) -> None:
        """Show what can be done about the row under the cursor, and do what is chosen."""
        self.dashboard.run_in_background("acting", self._choose_for_row, name="actions")

    async def _choose_for_row(self) -> None:
        from optimus_tui.tui.actions.available_actions import offers_for, why_none
        from optimus_tui.tui.dialogs.base import PickDialog

        dashboard = self.dashboard
        row = dashboard.pane(dashboard.current).selected
        offers = offers_for(row, last_report(dashboard, "limits"), last_report(dashboard, "cache"))
        if not offers:
            dashboard.say(why_none(row), "warning")
            return
        names = [(offer.name, offer.about) for offer in offers]
        refusal = (await self.open_service()).may_ever_arm()
        if refusal is not None:
            about = f"Not from here: {refusal_words(refusal)}."
            await dashboard.ask(PickDialog("Actions", names, about, greyed=True))
            return
        if not await self.ensure_armed():
            return
        place = await dashboard.ask(PickDialog("Actions", names, "Each shows what it would do, and asks."))
        if place is not None:
            outcome = await self.carry_out(offers[place].request)
            if outcome is not None:
                await dashboard.incidents.record_action(*outcome)

    async def carry_out(self, request: ActionRequest) -> tuple[Receipt, str] | None:
        """Ask about an action in its dialog and carry it out.

        Returns:
            The receipt and the words about its audit record, as soon as they are known: the dialog may still be
            open. None if nothing was done.
        """
        from optimus_tui.tui.actions.action_dialog import ActionDialog
        from optimus_tui.tui.actions.available_actions import completed

        whole = await completed(self.dashboard, request)
        if whole is None:
            return None
        service = await self.open_service()
        limit = self.dashboard.settings.max_keys or whole.max_keys
        whole = structs.replace(whole, max_keys=limit, incident=self.dashboard.incidents.open_number())
        dialog = ActionDialog(service, self.dashboard.context.clock, whole, self._known_tenants())
        closed = self.dashboard.app.push_screen(dialog, wait_for_dismiss=True)
        reported = asyncio.ensure_future(
            dialog.reported.wait()
        )  # the next check does not wait until the dialog is closed
        try:
            await asyncio.wait((closed, reported), return_when=asyncio.FIRST_COMPLETED)
        finally:
            reported.cancel()
        outcome = dialog.outcome
        if outcome is not None:
            self.dashboard.refresh_now()
            if not outcome[0].verified:
                text = "the action stays open: :interrupted verifies, resumes or closes it"
                self.dashboard.say(text, "warning")
        return outcome

    def _known_tenants(self) -> Any:
        """Return the tenants with counters: they settle which tenant a name with colons belongs to."""
        from optimus_tui.actions.redis.keys import Known

        return Known(frozenset(seen_tenants(self.dashboard)))


def refusal_words(refusal: Refusal) -> str:
    """Return why something was refused, and what would help, in a sentence."""
    return refusal.message + clause(refusal.remedy, ": ")


def minutes_of(text: str) -> float:
    """Return the minutes that a text such as ``10m``, ``10`` or ``90s`` stands for; ``DEFAULT_MINUTES`` if empty.

    Raises:
        CommandError: It is no number above 0 and up to ``MAX_MINUTES``.
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
