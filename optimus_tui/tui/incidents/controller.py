"""Opens and resumes incidents, holds the open one while the dashboard goes on, and pins rows to it.

None of the workflow is imported before ``i`` is pressed. The incident belongs to the dashboard, not to the screen
that shows it: leaving that screen leaves the incident open.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from optimus_tui.contract.actions import Receipt
from optimus_tui.contract.findings import Finding, alarming
from optimus_tui.tui.actions.controller import ActionsController, InterruptedActions, holds
from optimus_tui.tui.dashboard.reports import known_findings, known_tenants
from optimus_tui.tui.services import DashboardServices
from optimus_tui.wording.safe import safe_sentence, safe_text

if TYPE_CHECKING:
    from optimus_tui.contract.incident import ActionRecord, IncidentState, KeptReceipt
    from optimus_tui.incidents.open import Listed
    from optimus_tui.incidents.service import IncidentService
    from optimus_tui.incidents.since import ProofProgress
    from optimus_tui.tui.incidents.lone_proof import LoneProofs
    from optimus_tui.tui.incidents.proved import SettledFindings

MAX_OFFERED = 8
"""Incidents that can be resumed from the dialog; the command line lists all of them."""


class IncidentController:
    """Opens, resumes, shows and releases incidents, and checks whether what was done in the open one has helped."""

    def __init__(
        self,
        dashboard: DashboardServices,
        actions: ActionsController,
        interrupted: InterruptedActions,
        side_effect: Callable[[Finding], str],
    ) -> None:
        self.dashboard, self.actions, self.interrupted, self.side_effect = dashboard, actions, interrupted, side_effect
        self.service: IncidentService | None = None
        """The incident of this dashboard, open or closed. None before one is opened or resumed."""
        self.title: Callable[[], str] = lambda: ""
        """Returns the title of a new incident; it is called by its number if that is empty."""
        self.playbook: Callable[[], str] = lambda: "default"
        """Returns the name of the playbook of a new incident."""
        self.header: Callable[[], str] = lambda: ""
        """Returns what the incident screen's header says before the mode, such as the clock of a drill."""
        self.acted_alone: Callable[[KeptReceipt], None] = lambda _: None
        """Called with a verified action that no incident records."""
        self._lone_proofs: LoneProofs | None = None
        """What was done without an incident; None before anything was."""
        self.settled: SettledFindings | None = None
        self.progress: ProofProgress | None = None
        """What came in since the last action whose proof is awaited; None before anything was looked at."""

    # -- what others ask (IncidentRecord)

    def is_open(self) -> bool:
        """Return True if an incident is open here."""
        return self.service is not None and self.service.state.status == "open"

    def open_number(self) -> str:
        """Return the number of the incident that is open and writable here, or an empty string."""
        service = self.service
        if service is None or service.read_only or service.state.status != "open":
            return ""
        return service.state.id

    def status_words(self) -> tuple[str, str]:
        """Return how far the proof of the last action is, and the style of the words; both empty without one."""
        if self.service is None or self.service.state.status != "open":
            return self._lone_proofs.status_words() if self._lone_proofs is not None else ("", "")
        from optimus_tui.tui.incidents.head import proof_style
        from optimus_tui.tui.incidents.proved import proof_now

        state = self.service.state
        status = proof_now(self.dashboard, state)
        return safe_text(status or f"incident {state.id} is open", 80), proof_style(state)

    def proof_of(self, action_id: str) -> str:
        """Return how far the proof of an action is, or its result, in words; empty where none is awaited."""
        records = self.service.state.action_records if self.service is not None else ()
        for record in records:
            if record.receipt.action_id == action_id and record.checks:
                from optimus_tui.workflow.proof import proof_words

                return safe_sentence(proof_words(record))
        return self._lone_proofs.proof_of(action_id) if self._lone_proofs is not None else ""

    def too_early(self, finding: Finding) -> str:
        """Return why a finding does not show yet whether an action for it or its cause helped; empty if it does."""
        if self._lone_proofs is None and (self.service is None or not self.service.state.action_records):
            return ""
        from optimus_tui.tui.incidents.proved import early_in, keys_of

        words = early_in(self.dashboard, self.service.state, finding) if self.service is not None else ""
        if words or self._lone_proofs is None:
            return words
        return self._lone_proofs.too_early(keys_of(self.dashboard, finding))

    def done_alone(self) -> "tuple[tuple[ActionRecord, ...], bool]":
        """Return what was done without an incident, and whether a proof of it is still awaited."""
        return ((), False) if self._lone_proofs is None else (self._lone_proofs.records(), self._lone_proofs.awaited)

    def why_quiet(self, finding: Finding) -> str:
        """Return why nothing has to be done about a finding that is still shown; empty if something has."""
        words = self.side_effect(finding)
        records = self._lone_proofs.records() if self._lone_proofs is not None else ()
        records += self.service.state.action_records if self.service is not None else ()
        if words or not records:
            return words
        if self.settled is None:
            from optimus_tui.tui.incidents.proved import SettledFindings

            self.settled = SettledFindings(self.dashboard)
        return self.settled.words(records, finding)

    def _lone(self) -> "LoneProofs":
        if self._lone_proofs is None:
            from optimus_tui.tui.incidents.lone_proof import LoneProofs

            self._lone_proofs = LoneProofs(self.dashboard)
        return self._lone_proofs

    async def record_action(self, receipt: Receipt, audit: str, before: Sequence[Finding] = ()) -> None:
        """Record a verified action in its incident, check the system again, and show whether the fault is gone.

        Without an incident, the worst finding that the action was for is watched instead.

        Args:
            receipt: What was done. It is left out if it is unverified or belongs to another incident.
            audit: The sentence about its audit record.
            before: The findings from medium on that were shown before it.
        """
        from optimus_tui.incidents.errors import IncidentError
        from optimus_tui.incidents.open import kept

        service = self.service
        if not receipt.request.incident and receipt.verified:
            from optimus_tui.tui.incidents.lone_proof import worst_cured_by

            done = kept(receipt, audit)
            self.acted_alone(done)
            finding = worst_cured_by(done.kind, done.tenant, before)
            if finding is not None and not self.is_open():
                self._lone().follow(done, finding, before)
        if service is None or service.state.id != receipt.request.incident or not receipt.verified:
            return
        try:
            record = await service.acted(kept(receipt, audit))
        except IncidentError as error:
            self.dashboard.say(str(error), "warning")
        else:
            self._say_early(record)

    async def record_remedy(self, command: str, done: "KeptReceipt", finding: Finding | None = None) -> None:
        """Record in the open incident what was done outside of the actions, and check afterwards whether it helped.

        Without an open incident, the finding is watched instead.

        Args:
            command: The command that did it; recommendations of the same command count as done.
            done: What was done, when it was confirmed and when it took effect, and which service it restarted.
            finding: What it was for, as it was before; None where that is not known.
        """
        service, words = self.service, done.words
        if service is None or service.state.status != "open":
            if finding is not None:
                self._lone().follow(done, finding)
            return
        from optimus_tui.incidents.errors import IncidentError

        try:
            following = [one for one in service.state.advice if one.status == "open" and one.command == command]
            advice = next(iter(following), None)
            record = await service.remedied(
                words,
                advice=advice.id if advice else "",
                ended=done.ended,
                restarts=done.restarts,
                started=done.started,
            )
            for other in following[1:]:
                await service.mark(other.id, "done", words)
        except IncidentError as error:
            self.dashboard.say(str(error), "warning")
        else:
            self._say_early(record)

    def _say_early(self, record: "ActionRecord") -> None:
        """Say when a proof is possible, where the incident's screen does not show it; ``_prove`` says the result."""
        from optimus_tui.tui.incidents.text import promise_words

        words = promise_words(record)
        if words and self.dashboard.is_on_top():
            self.dashboard.say(words, lasting=True)

    async def _prove(self, service: "IncidentService") -> None:
        """Run the checks after each remedy once they can prove something, and show what comes in until then."""
        from optimus_tui.tui.incidents.proving import prove

        def show(progress: "ProofProgress | None") -> None:
            self.progress = progress

        await prove(self.dashboard, service, lambda: self.service is service, show)

    # -- opening and resuming

    def offer(self) -> None:
        """Say at the start that an incident was left open. Without an incident file nothing is imported."""
        self.dashboard.run_in_background("incident-left", self._offer, name="incidents left open")

    async def _offer(self) -> None:
        try:
            left = await asyncio.to_thread(_left_open, self.dashboard.settings.environment)
        except OSError as error:
            self.dashboard.say(f"cannot read whether an incident was left open: {error}", "warning")
            return
        if left is not None and self.service is None:
            from optimus_tui.tui.incidents.opening import left_words

            words = left_words(left.state, self.dashboard.context.clock.wall())
            text = f"incident {left.number} was left open ({words}): i resumes it"
            self.dashboard.say(text, "warning")

    def open(self) -> None:
        """Show the incident that is open here; else ask for one to resume, or whether to open a new one.

        Nothing is written before the operator confirms.
        """
        self.open_for(None)

    def open_for(self, finding: Finding | None, tenant: str = "") -> None:
        """Show the open incident, or ask as ``open`` does for one about this finding and this tenant, if given."""
        work = partial(self._open, finding, tenant)
        self.dashboard.run_in_background("incident-open", work, name="incident", asks=True)

    async def _open(self, finding: Finding | None, tenant: str) -> None:
        await asyncio.to_thread(_load)
        from optimus_tui.incidents.errors import IncidentError
        from optimus_tui.tui.incidents.screen import IncidentScreen

        fresh = False
        if self.is_open() and self._come_back():
            return
        if not self.is_open():
            await self.leave()
            try:
                fresh = await self._resume_or_open(finding, tenant)
            except IncidentError as error:
                self.dashboard.say(str(error), "error")
                return
        if self.service is not None:
            self.dashboard.run_in_background("incident-proof", self._prove, self.service, name="proof of a remedy")
            await self._confirm_addresses(self.service)
            self.dashboard.open_screen(
                IncidentScreen(self.dashboard, self.actions, self.service, fresh, self.header, self._forget)
            )
            await self._catch_up(self.service)

    def _come_back(self) -> bool:
        """Go back to the incident's screen where it stands below others. Return False where it is not open."""
        from optimus_tui.tui.base_screen import BaseScreen
        from optimus_tui.tui.incidents.screen import IncidentScreen

        stack = self.dashboard.app.screen_stack
        place = next((at for at, one in enumerate(stack) if isinstance(one, IncidentScreen)), None)
        if place is None:
            return False
        above = stack[place + 1 :]
        kept = next((why for one in above if isinstance(one, BaseScreen) and (why := one.why_not_left())), "")
        if kept or not above:
            self.dashboard.say(kept or "this is the open incident already")
            return True
        for screen in reversed(above):
            screen.dismiss(None)
        return True

    def _forget(self) -> None:
        """Forget the incident that was removed."""
        self.service = None

    async def _resume_or_open(self, finding: Finding | None, tenant: str) -> bool:
        """Resume an incident or open one. Return True for a new one, which starts with its first step."""
        from optimus_tui.history.samples.store import system_of
        from optimus_tui.incidents.open import resume_incident, unfinished
        from optimus_tui.tui.dialogs.base import PickDialog
        from optimus_tui.tui.incidents.opening import offer_words

        context, environment = self.dashboard.context, self.dashboard.settings.environment
        left = (await asyncio.to_thread(unfinished, environment))[:MAX_OFFERED]
        if left:
            system = system_of(self.dashboard.settings)
            here = [item for item in left if item.state.system in ("", system)]
            offered = [*here, None, *(item for item in left if item not in here)]
            now = context.clock.wall()
            rows = [offer_words(item.state if item is not None else None, now) for item in offered]
            place = await self.dashboard.ask(PickDialog("Incident", rows))
            if place is None:
                return False
            item = offered[place]
            if item is not None:
                self.service = await resume_incident(context, item.number)
                return False
        return await self._open_new(finding, tenant, [item.state for item in left])

    async def _open_new(self, finding: Finding | None, about: str, left: "Sequence[IncidentState]") -> bool:
        """Show what will be opened, and open it once the operator confirms. Return True if it was opened."""
        from optimus_tui.incidents.open import capture, open_incident, playbook
        from optimus_tui.tui.actions.remedies import first_act
        from optimus_tui.tui.dialogs.base import QuestionDialog, QuestionField
        from optimus_tui.tui.incidents.opening import concerning, opening, proved_before, refused_tenant
        from optimus_tui.workflow.ranking import concerned, issues_of
        from optimus_tui.workflow.recommendations import PlaybookError

        context, name = self.dashboard.context, self.playbook()
        try:
            steps = (await asyncio.to_thread(playbook, name)).steps
        except PlaybookError as error:
            self.dashboard.say(str(error), "error")
            return False
        act = partial(first_act, self.dashboard, self.actions.outside)

        most = 1 if finding is not None else None

        def found() -> list[Finding]:
            return concerning(finding, [one for one in self._found() if not self.why_quiet(one)])

        def opens_with() -> str:
            now, shown = context.clock.wall(), found()[:most]
            return proved_before(shown, left) + opening(shown, name, steps, now, act, self.why_quiet)

        tenant = about or concerned(found()[:most])
        refused = partial(refused_tenant, known_tenants(self.dashboard), tenant or "")
        field = QuestionField("Tenant concerned", tenant, needed=False, refused=refused)
        dialog = QuestionDialog("Open an incident", [field], opens_with(), opens_with)
        dialog.dialog_keys = "enter opens   esc leaves, nothing is written"
        answers = await self.dashboard.ask(dialog)
        if answers is None:
            return False
        opened = open_incident(context, self.title(), name=name, alarms=(alarms := found()), tenant=answers[0] or None)
        self.service = service = await opened
        self.dashboard.run_in_background("incident-capture", capture, service, name="capture", exclusive=False)
        if finding is not None and (issues := issues_of(alarms[0])) and any(step.choose_issue for step in steps):
            await service.choose(issues[0], answers[0] or None, alarms[0].message)
        return True

    async def _confirm_addresses(self, service: "IncidentService") -> None:
        """Ask whether the system at other addresses is the incident's own. Until then its steps are refused."""
        if not service.elsewhere or service.read_only:
            return
        from optimus_tui.incidents.errors import IncidentError
        from optimus_tui.tui.dialogs.base import QuestionDialog, QuestionField

        known = "the demo was started again" * (self.dashboard.optimus.demo is not None)
        about = (
            f"Incident {service.state.id} was opened on a system at other addresses. If this is the same system, "
            "say why they changed: it is noted in the timeline, and the incident continues here."
        )
        answers = await self.dashboard.ask(QuestionDialog("Other addresses", [QuestionField("reason", known)], about))
        if answers is not None:
            try:
                await service.move(answers[0])
            except IncidentError as error:
                self.dashboard.say(str(error), "error")

    async def _catch_up(self, service: "IncidentService") -> None:
        """Offer this incident's interrupted actions, and record those that ended without being recorded."""
        if service.read_only or service.state.status != "open":
            return
        number = service.state.id
        for left in await self.interrupted.listed():
            if left.plan.request.incident == number:
                await self.interrupted.take_up(left)
        if not await asyncio.to_thread(holds, "*.receipt"):
            return
        from optimus_tui.tui.actions.action_dialog_stages import audit_words

        actions = await self.actions.open_service()
        for receipt in await asyncio.to_thread(actions.receipts_of, number):
            if all(record.receipt.action_id != receipt.id for record in service.state.action_records):
                await self.record_action(receipt, await asyncio.to_thread(audit_words, actions, receipt.id))

    def alarming(self) -> list[Finding]:
        """Return the findings from medium on, the worst first."""
        return alarming(self._found())

    def _found(self) -> Sequence[Finding]:
        return known_findings(self.dashboard.health)

    async def leave(self) -> None:
        """Release the incident, so that another process can write to it. It stays open."""
        service, self.service = self.service, None
        if service is not None:
            await service.aclose()

    def pin_row(self) -> None:
        """Keep the row under the cursor in the incident's timeline."""
        from optimus_tui.tui.incidents.pins import pin_row

        work = partial(pin_row, self.dashboard, self.service)
        self.dashboard.run_in_background("incident-note", work, name="pin", exclusive=False, asks=True)


def _left_open(environment: str) -> "Listed | None":
    """Return the newest incident that a start may offer to resume. Reads files."""
    from optimus_tui.history.timeline import incidents_dir, numbers

    if not numbers(incidents_dir()):
        return None
    from optimus_tui.incidents.open import unfinished

    return next(iter(unfinished(environment)), None)


def _load() -> None:
    """Import the workflow's code, which takes a while the first time. Runs in a thread."""
    import optimus_tui.incidents.open
    import optimus_tui.incidents.proof
    import optimus_tui.tools.answer
    import optimus_tui.tools.pages.sections
    import optimus_tui.tui.incidents.screen  # noqa: F401
