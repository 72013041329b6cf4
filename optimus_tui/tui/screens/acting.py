"""The dashboard's hand on the write side: arming, disarming, the countdown, and what can be done about a row.

Everything that changes something goes through the desk; nothing of it is imported before somebody asks for it. Rows are
never repainted from here: what an action did shows when the next reading does.
"""

import asyncio
from typing import TYPE_CHECKING, Any, cast

from msgspec import structs
from rich.cells import cell_len
from textual import on, work
from textual.worker import Worker, WorkerState

from optimus_tui.contract.actions import ActionRequest, Receipt, Refusal
from optimus_tui.tui.dashboard.last_reports import last_report, seen_tenants
from optimus_tui.tui.screens.base import DashboardBase
from optimus_tui.tui.screens.status import mode_room, target_words
from optimus_tui.tui.services import CommandError
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.actions.service import ActionService
    from optimus_tui.tui.services import DashboardServices

MINUTES = 10.0
MOST_MINUTES = 60.0


class Acting(DashboardBase):
    """Arms, asks, acts."""

    action_service: "ActionService | None" = None

    async def open_desk(self) -> "ActionService":
        """The write side of this context; imported in a thread the first time."""
        if self.action_service is None:
            made = await asyncio.to_thread(_load)
            self.action_service = self.action_service or made(self.context)
        return self.action_service

    def close_desk(self) -> None:
        """Disarm; an action that runs is told to stop by its own card."""
        if self.action_service is not None:
            self.action_service.close()
            self.action_service = None
        self.optimus.touched = None

    # -- what the header says --------------------------------------------------------------------------------------

    def mode_words(self) -> tuple[str, str]:
        """``read-only``, or how long it is armed and where."""
        armed = self.action_service.guard.armed if self.action_service is not None else None
        if self.action_service is None or armed is None:
            return "read-only", "quiet"
        from optimus_tui.tui.modals.action_dialog_widgets import armed_words

        words = armed_words(self.action_service.guard)
        if self.size.width < 110:  # how long comes first, then where; that no key was pressed is said by what is left
            words = words.partition(": no key")[0]
        room = mode_room(self.settings, self.size.width) - cell_len(words)
        return words + target_words(armed.where, room), "b:error"

    # -- arming ----------------------------------------------------------------------------------------------------

    def arm(self, text: str = "") -> None:
        """``:arm 10m``."""
        if not self.settings.writable:
            place = f"[env.{self.settings.environment}]"
            raise CommandError(f"{self.settings.environment} is read-only: set writable = true in {place}")
        self.arm_for(minutes_of(text))

    @work(exclusive=True, group="arming", exit_on_error=False)
    async def arm_for(self, minutes: float) -> None:
        """Ask for the environment's name."""
        if await self.ask_to_arm(minutes):
            self.say(f"armed for {minutes:g} min: a shows what can be done about a row, :disarm ends it", "warning")

    async def ask_to_arm(self, minutes: float = MINUTES) -> bool:
        """True once it is armed; says why not otherwise."""
        from optimus_tui.tui.modals.arm import ArmDialog

        action_service = await self.open_desk()
        refusal = action_service.may_ever_arm()
        if refusal is not None:
            self.say_refusal(refusal)
            return False
        target = self.settings.operator_redis or self.settings.redis
        where = f"{self.settings.environment}, Redis at {safe_text(target.path or f'{target.host}:{target.port}', 80)}"
        armed = bool(
            await self.app.push_screen_wait(ArmDialog(action_service, self.settings.environment, where, minutes))
        )
        if armed:
            self.optimus.touched = action_service.guard.touch
        self.draw_status()
        return armed

    def disarm(self) -> None:
        """Back to looking only."""
        if self.action_service is None or self.action_service.guard.armed is None:
            raise CommandError("nothing is armed")
        self.action_service.guard.disarm()
        self.optimus.touched = None
        self.draw_status()
        self.say("disarmed: read-only again")

    def say_refusal(self, refusal: Refusal) -> None:
        """Why not, and what would help."""
        self.say(refusal_words(refusal), "warning")

    # -- acting ----------------------------------------------------------------------------------------------------

    @work(exclusive=True, group="acting", name="actions", exit_on_error=False)
    async def action_actions(self) -> None:
        """``a``: what can be done about the row under the cursor."""
        from optimus_tui.tui.modals.pick import PickDialog
        from optimus_tui.tui.screens.offers import offers_for, why_none

        row = self.pane(self.current).selected
        offers = offers_for(
            row,
            last_report(cast("DashboardServices", self), "limits"),
            last_report(cast("DashboardServices", self), "cache"),
        )
        if not offers:
            self.say(why_none(row), "warning")
            return
        names = [(offer.name, offer.about) for offer in offers]
        refusal = (await self.open_desk()).may_ever_arm()
        if refusal is not None:
            about = f"Not from here: {refusal_words(refusal)}."
            await self.app.push_screen_wait(PickDialog("Actions", names, about, greyed=True))
            return
        if not await self.be_armed():
            return
        place = await self.app.push_screen_wait(PickDialog("Actions", names, "Each shows what it would do, and asks."))
        if place is not None:
            outcome = await self.carry_out(offers[place].request)
            if outcome is not None:
                await self.record_action(*outcome)

    async def be_armed(self) -> bool:
        """True where it is armed, or was armed just now."""
        action_service = await self.open_desk()
        return action_service.guard.armed is not None or await self.ask_to_arm()

    async def carry_out(self, request: ActionRequest) -> tuple[Receipt, str] | None:
        """From the request to its outcome, on the card that may still be open; None where nothing was done."""
        from optimus_tui.tui.modals.action_dialog import ActionDialog
        from optimus_tui.tui.screens.offers import completed

        whole = await completed(self, request)
        if whole is None:
            return None
        action_service = await self.open_desk()
        most = self.settings.max_keys or whole.max_keys
        whole = structs.replace(whole, max_keys=most, incident=self.open_number())
        card = ActionDialog(action_service, self.context.clock, whole, self.known_tenants())
        closed = self.app.push_screen(card, wait_for_dismiss=True)
        told = asyncio.ensure_future(card.told.wait())  # what is checked next does not wait for a reader
        try:
            await asyncio.wait((closed, told), return_when=asyncio.FIRST_COMPLETED)
        finally:
            told.cancel()
        outcome = card.outcome
        if outcome is not None:
            self.refresh_now()
        if outcome is not None and not outcome[0].verified:
            self.say("the action stays open: :interrupted verifies, resumes or closes it", "warning")
        return outcome

    def open_number(self) -> str:
        """The number of the incident that an action belongs to; empty where none is open here."""
        raise NotImplementedError

    async def record_action(self, receipt: Receipt, audit: str) -> None:
        """Let that incident know."""
        raise NotImplementedError

    def known_tenants(self) -> Any:
        """Tenants that this dashboard has seen counters of: they settle whose a name with colons is."""
        from optimus_tui.actions.key_selection import Known

        return Known(frozenset(seen_tenants(cast("DashboardServices", self))))

    @on(Worker.StateChanged)
    def _acting_stopped(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.CANCELLED and event.worker.group == "arming":
            self.draw_status()


def refusal_words(refusal: Refusal) -> str:
    """Why not, and what would help."""
    return refusal.message + (f": {refusal.remedy}" if refusal.remedy else "")


def minutes_of(text: str) -> float:
    """``10m``, ``10``, ``90s``; CommandError with a sentence otherwise."""
    if not text:
        return MINUTES
    scale, number = (1 / 60, text[:-1]) if text.endswith("s") else (1.0, text.removesuffix("m"))
    try:
        minutes = float(number) * scale
    except ValueError:
        minutes = 0.0
    if not 0 < minutes <= MOST_MINUTES:
        raise CommandError(f":arm takes minutes up to {MOST_MINUTES:g}, as in :arm 10m")
    return minutes


def _load() -> "type[ActionService]":
    from optimus_tui.actions.service import ActionService

    return ActionService
