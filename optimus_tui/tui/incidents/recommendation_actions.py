"""What ``a`` and ``m`` do with an incident's recommendations: carry one out, or mark what became of it."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from msgspec import structs

from optimus_tui.contract.actions import ActionRequest
from optimus_tui.contract.finding_rules import rule_of
from optimus_tui.contract.incident import Advice
from optimus_tui.tui.actions.controller import ActionsController
from optimus_tui.tui.actions.remedies import label_of, offers_of
from optimus_tui.tui.dashboard.reports import limits_report, seen_tenants
from optimus_tui.tui.dialogs.base import PickDialog, QuestionDialog, QuestionField
from optimus_tui.tui.incidents import text as words
from optimus_tui.tui.incidents.next_key import nothing_with_a
from optimus_tui.tui.incidents.step_actions import IncidentView, StepActions
from optimus_tui.tui.services import DashboardServices, OutsideRemedies
from optimus_tui.wording.safe import safe_text
from optimus_tui.workflow.standing import is_held


class RecommendationView(IncidentView, Protocol):
    """What the recommendations may ask of the incident screen."""

    @property
    def selected_advice(self) -> Advice | None:
        """Return the recommendation under the cursor; None if the list of the last step is not shown."""

    @property
    def is_mounted(self) -> bool:
        """Return True while the screen is open."""


class Way(NamedTuple):
    """One way to do what a recommendation says: what ``a`` offers.

    Attributes:
        name: What it does, safe to show; empty for the recommendation's own words.
        about: What it means for users now.
        request: What is done; None where that is worked out of the recommendation.
    """

    advice: Advice
    name: str = ""
    about: str = ""
    request: ActionRequest | None = None


def ways(dashboard: DashboardServices, outside: OutsideRemedies | None, advice: Sequence[Advice]) -> list[Way]:
    """Return what ``a`` offers about recommendations, in this order: the line "Next" announces the first one.

    Args:
        dashboard: The dashboard with the last readings.
        outside: Knows the demo's remedies; None outside of the demo.
        advice: Recommendations that can be carried out from here.
    """
    made: list[Way] = []
    for one in advice:
        offers = offers_of(dashboard, one)
        taken = {way.request for way in made}
        made += [Way(one, each.name, each.about, each.request) for each in offers if each.request not in taken]
        if not offers:
            made.append(Way(one, label_of(dashboard, outside, one)))
    return made


class RecommendationActions:
    """Carries out recommendations and marks them.

    A recommendation names its tenant as text. The bytes of the tenant's name in Redis are looked up; if several tenants
    look alike, the operator is asked.
    """

    def __init__(self, view: RecommendationView, steps: StepActions, actions: ActionsController) -> None:
        """Carry out nothing yet; ``steps`` has the incident and starts the work."""
        self.view, self.steps, self.actions = view, steps, actions
        self.dashboard, self.service = steps.dashboard, steps.service

    def carry_out(self) -> None:
        """Carry out the recommendation under the cursor, or ask for one that can be carried out from here."""
        if self.steps.refuse_if_closed() or self.steps.refuse_if_running("press a again then"):
            return
        found = self.doable()
        if not found:
            self.view.say(nothing_with_a(self.service.state), "warning")
            return
        self.steps.start(self._carry_out, found, group="acting")

    def doable(self) -> list[Advice]:
        """Return the open recommendations that can be carried out from here, those about what still holds first."""
        state = self.service.state
        found = words.doable(state.advice, self.dashboard.optimus.demo is not None)
        return sorted(found, key=lambda one: not is_held(state, one.rules))

    def ahead(self) -> tuple[list[Advice], list[str]]:
        """Return what can be carried out from here, and the names of the ways to do it; nothing once it is closed."""
        found = self.doable() if self.service.state.status == "open" else []
        return found, [one.name for one in ways(self.dashboard, self.actions.outside, found)]

    async def _carry_out(self, found: list[Advice]) -> None:
        selected = self.view.selected_advice
        offered = ways(self.dashboard, self.actions.outside, [selected] if selected in found else found)
        place: int | None = 0
        if len(offered) > 1:
            place = await self.dashboard.ask(PickDialog("Carry out which", [_row(one) for one in offered]))
        if place is None:
            return
        way = offered[place]
        here = way.advice
        if not here.kind and self.actions.outside is not None:
            await self.actions.outside.confirm(words.remedy_of(here))
            return
        request = way.request or await self._request(here)
        what = way.name or words.sentence(here.action, 200)
        if request is None or not await self.actions.ensure_armed(what):
            return
        outcome = await self.actions.carry_out(request)
        if outcome is None:
            return
        from optimus_tui.incidents.open import kept

        receipt, audit = outcome
        self._show_last()
        if not receipt.verified:
            await self.service.note(f"Action {receipt.id} is open: {receipt.stopped or 'it was not verified'}.")
            return
        self.steps.say_early(await self.service.acted(kept(receipt, audit), here.id, here.rules))

    async def _request(self, advice: Advice) -> ActionRequest | None:
        """Return the request for exactly one tenant, which is asked for if in doubt. None if it was not answered."""
        tenant = self._tenant_bytes(advice.tenant)
        if tenant is None:
            field = QuestionField("Tenant", words.safe(advice.tenant or "", 200))
            answers = await self.dashboard.ask(QuestionDialog(words.sentence(advice.action, 60), [field]))
            if answers is None:
                return None
            tenant = self._tenant_bytes(answers[0]) or answers[0].encode("utf-8", "surrogatepass")
        request = ActionRequest(kind=advice.kind, tenant=tenant)  # type: ignore[arg-type]  # an ActionKind
        if request.kind != "reset_counters":
            return request
        return await self._narrowed(request, advice)

    async def _narrowed(self, request: ActionRequest, advice: Advice) -> ActionRequest | None:
        """Narrow a request to the operations that the finding is about, so that no other limit is lifted.

        None if it was not answered.
        """
        rules = [rule_of(rule) for rule in advice.rules]
        states = [rule.limit_state for rule in rules if rule.limit_state and rule.cured_by]
        report = limits_report(self.dashboard)
        if report is None:
            return request
        counters = [row.counter for row in report.rows if row.state in states]
        named = list(dict.fromkeys(counter.operation for counter in counters if counter.tenant == request.tenant))
        if len(named) == 1:
            return structs.replace(request, operation=named[0])
        if not named:
            return request
        choices = [(f"Only {safe_text(item, 60)}", "this one counter starts again at 0") for item in named]
        choices.append(("All operations", "every limit of this tenant starts again at 0"))
        place = await self.dashboard.ask(PickDialog("Reset which", choices))
        if place is None:
            return None
        if place == len(named):
            return request
        return structs.replace(request, operation=named[place])

    def _tenant_bytes(self, name: str | None) -> bytes | None:
        """Return the bytes of a tenant's name as a finding shows it. None if several tenants look like it."""
        if not name:
            return None
        raw = name.encode("utf-8", "surrogatepass")
        alike = {item for item in seen_tenants(self.dashboard) if safe_text(item, 4_096) == name or item == raw}
        if len(alike) == 1:
            return alike.pop()
        if alike or safe_text(raw, 4_096) != name:
            return None
        return raw

    def _show_last(self) -> None:
        last = next((item for item in self.service.state.steps if item.plan.kind == "apply"), None)
        if last is not None and self.view.is_mounted:
            self.view.show_step(last)

    def mark(self) -> None:
        """Mark the recommendation under the cursor as done by hand, dismissed or open again."""
        advice = self.view.selected_advice
        if self.steps.refuse_if_closed():
            return
        if advice is None:
            self.view.say("go to the last step, tab to its list and put the cursor on a recommendation", "warning")
        else:
            self.steps.start(self._mark, advice)

    async def _mark(self, advice: Advice) -> None:
        states = ("done", "dismissed", "open")
        rows = [("Done by hand", "it was done outside of this program"), ("Dismissed", "asks why"), ("Open again", "")]
        place = await self.dashboard.ask(PickDialog(words.sentence(advice.action, 80), rows))
        if place is None:
            return
        answers: list[str] | None = [""]
        if states[place] != "open":
            field = QuestionField("Remark", needed=False)
            if states[place] == "dismissed":
                field = QuestionField("Reason")
            answers = await self.dashboard.ask(QuestionDialog(rows[place][0], [field]))
        if answers is None:
            return
        if states[place] == "done" and advice.status != "done":
            self.steps.say_early(await self.service.remedied(answers[0] or advice.action, advice=advice.id))
        else:
            await self.service.mark(advice.id, states[place], answers[0])


def _row(way: Way) -> tuple[str, str]:
    advice = way.advice
    if way.request is not None:
        return way.name, way.about
    return f"{advice.priority}  {way.name or words.sentence(advice.action, 200)}", words.sentence(advice.reason, 300)
