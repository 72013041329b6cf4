"""What the incident screen does about recommendations: carries one out, records its outcome, marks what was by hand.

A recommendation names its tenant in text: its bytes are looked up, and asked for where that leaves a doubt. It refuses
to reach further than the finding: of a tenant's counters only those that it is about.
"""

from msgspec import structs

from optimus_tui.contract.actions import ActionRequest
from optimus_tui.contract.finding_rules import rule_of
from optimus_tui.contract.incident import Advice
from optimus_tui.tui.actions.finding_actions import STATES
from optimus_tui.tui.dashboard.last_reports import limits_report, seen_tenants
from optimus_tui.tui.modals.pick import PickDialog
from optimus_tui.tui.modals.question import Line, QuestionDialog
from optimus_tui.tui.screens import incident_words as words
from optimus_tui.tui.screens.incident_work import IncidentWork
from optimus_tui.wording.safe import safe_text


class AdviceWork(IncidentWork):
    """The keys for the last step's list."""

    @property
    def advice_here(self) -> Advice | None:
        """The recommendation under the cursor; the screen knows."""
        raise NotImplementedError

    def action_act(self) -> None:
        """Do the recommendation under the cursor, or one of those that can be done from here."""
        found = words.doable(self.state.advice)
        if self.is_closed():
            return
        if not found:
            self.say("no recommendation here that an action of ours could carry out", "warning")
            return
        self.work(self._act(found), "acting")

    async def _act(self, found: list[Advice]) -> None:
        here = self.advice_here
        if here is None or here not in found:
            rows = [
                (f"{one.priority}  {words.sentence(one.action, 200)}", words.sentence(one.reason, 300)) for one in found
            ]
            place = 0 if len(found) == 1 else await self.app.push_screen_wait(PickDialog("Do which", rows))
            if place is None:
                return
            here = found[place]
        request = await self._request(here)
        if request is None or not await self.incidents.actions.ensure_armed():
            return
        outcome = await self.incidents.actions.carry_out(request)
        if outcome is None:
            return
        from optimus_tui.incidents.action_results import kept

        receipt, audit = outcome
        self._show_last()
        if not receipt.verified:
            await self.incident_service.note(
                f"Action {receipt.id} is open: {receipt.stopped or 'nobody could verify it'}."
            )
            return
        record = await self.incident_service.acted(kept(receipt, audit), here.id, here.rules)
        self.say(f"checked again: {record.verdict or 'not known'}")

    async def _request(self, advice: Advice) -> ActionRequest | None:
        """For exactly one tenant; asked for where the recommendation names none for certain."""
        tenant = self._tenant_bytes(advice.tenant)
        if tenant is None:
            said = await self.app.push_screen_wait(
                QuestionDialog(
                    words.sentence(advice.action, 60), [Line("Tenant", words.safe(advice.tenant or "", 200))]
                )
            )
            if said is None:
                return None
            tenant = self._tenant_bytes(said[0]) or said[0].encode("utf-8", "surrogatepass")
        request = ActionRequest(kind=advice.kind, tenant=tenant)  # type: ignore[arg-type]  # one of ACTIONS
        return await self._narrowed(request, advice) if request.kind == "reset_counters" else request

    async def _narrowed(self, request: ActionRequest, advice: Advice) -> ActionRequest | None:
        """To the operations that the finding is about: nobody's other limits are lifted by the way."""
        rules = [rule_of(rule) for rule in advice.rules]
        states = [rule.limit_state for rule in rules if rule.limit_state and rule.cured_by]
        report = limits_report(self.dashboard)
        rows = [row.counter for row in report.rows if row.state in states] if report is not None else []
        named = list(dict.fromkeys(one.operation for one in rows if one.tenant == request.tenant))
        if len(named) == 1:
            return structs.replace(request, operation=named[0])
        if not named:
            return request
        choices = [(f"Only {safe_text(one, 60)}", "this one counter starts again at 0") for one in named]
        choices.append(("All operations", "every limit of this tenant starts again at 0"))
        place = await self.app.push_screen_wait(PickDialog("Reset which", choices))
        if place is None:
            return None
        return request if place == len(named) else structs.replace(request, operation=named[place])

    def _tenant_bytes(self, name: str | None) -> bytes | None:
        """The bytes behind a name that a finding shows; None where more than one tenant looks like it."""
        if not name:
            return None
        raw = name.encode("utf-8", "surrogatepass")
        alike = {one for one in seen_tenants(self.dashboard) if safe_text(one, 4_096) == name or one == raw}
        if len(alike) == 1:
            return alike.pop()
        return raw if not alike and safe_text(raw, 4_096) == name else None

    def _show_last(self) -> None:
        last = next((one for one in self.state.steps if one.plan.kind == "apply"), None)
        if last is not None and self.is_mounted:
            self.show_step(last)

    def action_mark(self) -> None:
        """Say that the recommendation under the cursor was done by hand, or will not be."""
        advice = self.advice_here
        if self.is_closed():
            return
        if advice is None:
            self.say("go to the last step, tab to its list and put the cursor on a recommendation", "warning")
        else:
            self.work(self._mark(advice))

    async def _mark(self, advice: Advice) -> None:
        states = ("done", "dismissed", "open")
        rows = [("Done by hand", "somebody did it, outside of here"), ("Dismissed", "asks why"), ("Open again", "")]
        place = await self.app.push_screen_wait(PickDialog(words.sentence(advice.action, 80), rows))
        if place is None:
            return
        line = Line("Why", needed=True) if place == 1 else Line("Remark", needed=False)
        said = [""] if place == 2 else await self.app.push_screen_wait(QuestionDialog(rows[place][0], [line]))
        if said is not None:
            await self.incident_service.mark(advice.id, states[place], said[0])
