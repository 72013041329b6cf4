"""The remedies, carried out by the demo, that are offered for a finding: its own, and those of its causes."""

from collections.abc import Hashable, Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from optimus_tui.contract.finding_rules import SERVICE_DOWN
from optimus_tui.contract.findings import NO_ANSWER, Finding, causes_of, worst_first
from optimus_tui.contract.incident import Stamp
from optimus_tui.contract.keyspace import LimitRow
from optimus_tui.tui.actions.remedy_text import RowRemedy, has_remedy, is_unjudged, whole_remedy
from optimus_tui.tui.dashboard.reports import known_findings, last_report
from optimus_tui.tui.services import REMEDY_COMMAND, DashboardServices, OutsideRemedies
from optimus_tui.wording.numbers import clause, clock
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.truth import REPAIRED, restart_words
from optimus_tui.workflow.ranking import tenant_of

if TYPE_CHECKING:
    from optimus_tui.contract.incident import Advice, Remedy, TeamAdvice
    from optimus_tui.tui.actions.offers import Offer

AT_ONCE = "The demo does it; this program stays read-only."


class FittingRemedy(NamedTuple):
    """A remedy, and the finding that it is for."""

    remedy: "Remedy"
    finding: Finding


def with_causes(finding: Finding, known: Iterable[Finding]) -> list[Finding]:
    """Return a finding, its cause, the cause of that and so on, as far as these are findings now.

    Args:
        finding: A finding from any place; only the health report knows causes.
        known: The findings of the health report.
    """
    listed = {(one.rule, one.subject): one for one in known}
    effect = finding if finding.caused_by is not None else listed.get((finding.rule, finding.subject), finding)
    causes = causes_of(effect, listed.values(), lambda one: (one.rule, one.subject), lambda one: one.caused_by)
    return [finding, *causes]


async def fitting_remedies(outside: OutsideRemedies | None, chains: Iterable[Sequence[Finding]]) -> list[FittingRemedy]:
    """Return the remedies of findings and of their causes, as ``chains_of`` returns them; each remedy once."""
    found: dict[str, FittingRemedy] = {}
    if outside is not None:
        for one in chain.from_iterable(chains):
            for remedy in await outside.fitting(one):
                found.setdefault(remedy.name, FittingRemedy(remedy, one))
    return list(found.values())


def findings_behind(dashboard: DashboardServices, row: object) -> Sequence[Finding]:
    """Return the findings that a row is about, the worst first: the row's own, or those of its counter; else empty.

    Args:
        dashboard: The dashboard with the last readings.
        row: The row of any pane or of the screen of a tenant, or a finding.
    """
    from optimus_tui.tui.actions.questions import finding_of
    from optimus_tui.tui.panes.limits.lines import findings_about

    finding = finding_of(row)
    if finding is not None:
        return [finding]
    if isinstance(row, LimitRow):
        limits = last_report(dashboard, "limits")
        if limits is None:
            return []
        return findings_about(row, limits.findings)
    return []


def chains_of(dashboard: DashboardServices, findings: Iterable[Finding]) -> list[list[Finding]]:
    """Return each finding that needs action, with its causes as far as the health report knows them."""
    known = known_findings(dashboard.health)
    return [with_causes(one, known) for one in findings if not dashboard.incidents.why_quiet(one)]


class FirstAct(NamedTuple):
    """The first action that ``a`` on a finding offers (safe text), and whether it is for its cause."""

    name: str
    ends_cause: bool


def now_of(dashboard: DashboardServices) -> Stamp:
    """Return the present time."""
    clock = dashboard.context.clock
    return Stamp(wall=clock.wall(), mono=clock.mono())


def sooner_act(dashboard: DashboardServices, finding: Finding) -> str:
    """Return the action of this program that ends sooner what a repair leaves until its window ends (safe text).

    Empty for a finding that no repair has settled, and where nothing can be done from here.

    Args:
        dashboard: The dashboard with the last readings, and the settings that allow actions.
        finding: A finding.
    """
    from optimus_tui.tui.actions.questions import finding_offers

    writable = dashboard.settings.writable and dashboard.settings.layout_is_writable
    if not writable or not dashboard.incidents.why_quiet(finding).startswith(REPAIRED):
        return ""
    return next((offer.name for offer in finding_offers(finding, last_report(dashboard, "limits"), None)), "")


def first_act(dashboard: DashboardServices, outside: OutsideRemedies | None, finding: Finding) -> FirstAct | None:
    """Return the first action that ``a`` on a finding offers for it or its cause; None if there is none.

    Args:
        dashboard: The dashboard with the last readings, and the settings that allow actions.
        outside: Knows the demo's remedies; None outside of the demo.
        finding: A finding.
    """
    from optimus_tui.tui.actions.questions import finding_offers

    if is_unjudged(finding):
        return None
    causes = next(iter(chains_of(dashboard, [finding])), [])
    names = [(remedy.label, one) for one in causes if outside is not None for remedy in outside.known_for(one)]
    if not names and dashboard.settings.writable and dashboard.settings.layout_is_writable:
        readings = last_report(dashboard, "limits"), last_report(dashboard, "cache")
        names = [(offer.name, one) for one in causes for offer in finding_offers(one, *readings)]
    if not names:
        return None
    name, about = names[0]
    return FirstAct(name, about != finding)


def act_words(dashboard: DashboardServices, outside: OutsideRemedies | None, finding: Finding) -> str:
    """Return the first action that ``a`` on a finding offers, in words (safe text); empty if there is none."""
    act = first_act(dashboard, outside, finding)
    if act is None:
        return ""
    return act.name + ", which ends its cause" * act.ends_cause


def row_remedies(dashboard: DashboardServices, outside: OutsideRemedies | None) -> dict[Hashable, RowRemedy]:
    """Return what to do about the findings of the last report on health, by rule and subject.

    Findings that need nothing done, or are no alarm now, have none. What was done already is not offered again before
    it is proved whether it helped.

    Args:
        dashboard: The dashboard with the last readings, and the settings that allow actions.
        outside: Knows the demo's remedies; None outside of the demo.
    """
    remedies: dict[Hashable, RowRemedy] = {}
    for one in known_findings(dashboard.health):
        if not has_remedy(one) or dashboard.incidents.why_quiet(one):
            continue
        act = first_act(dashboard, outside, one)
        if early := dashboard.incidents.too_early(one):
            remedies[one.rule, one.subject] = RowRemedy(early, "done")
        elif act is None:
            remedies[one.rule, one.subject] = RowRemedy(whole_remedy(one), "explained")
        elif outside is not None and act.name == outside.under_way:
            remedies[one.rule, one.subject] = RowRemedy(act.name, "under way")
        else:
            remedies[one.rule, one.subject] = RowRemedy(act.name, "offered")
    return remedies


def nothing_to_do(dashboard: DashboardServices, outside: OutsideRemedies | None, finding: Finding | None) -> str:
    """Return why nothing is to be done now: a remedy is under way, or the finding needs none or is not judged yet.

    Empty if something may be done.
    """
    if outside is not None and outside.under_way:
        return f"{outside.under_way}: under way; whether it helped is checked automatically"
    if finding is None or sooner_act(dashboard, finding):
        return ""
    if proved := dashboard.incidents.why_quiet(finding):
        return f"nothing has to be done about this: {proved}"
    if is_unjudged(finding):
        return f"these are first signs, {finding.first_signs}: an action is offered then; i opens an incident now"
    return ""


def offers_about(
    dashboard: DashboardServices, row: object, chains: Sequence[Sequence[Finding]]
) -> "tuple[list[Offer], str]":
    """Return the actions for a row, else those for its causes, and a sentence that says which.

    Args:
        dashboard: The dashboard with the last readings.
        row: The row of any pane, or a finding.
        chains: Findings with the causes of each, as ``chains_of`` returns them.
    """
    from optimus_tui.dialects.feeds.messages import tenant_channels
    from optimus_tui.tui.actions.questions import finding_of, offers_for

    channels = tenant_channels(dashboard.settings.profile)
    readings = last_report(dashboard, "limits"), last_report(dashboard, "cache"), channels, now_of(dashboard)
    finding = finding_of(row)
    if offers := offers_for(row, *readings):
        settled = "" if finding is None else dashboard.incidents.why_quiet(finding)
        return offers, clause(settled, " Nothing has to be done: ", ".")
    for cause in () if finding is None else next(iter(chains), ())[1:]:
        if offers := offers_for(cause, *readings):
            return offers, f" They end its cause: {safe_text(cause.message, 160)}."
    return [], ""


def offers_of(dashboard: DashboardServices, advice: "Advice") -> "list[Offer]":
    """Return the ways to cure the counter that a recommendation is about, the first one best for its users now.

    Each reaches no further than this counter. Empty where the last readings do not show exactly one.

    Args:
        dashboard: The dashboard with the last readings.
        advice: A recommendation of an incident.
    """
    from optimus_tui.tui.actions.questions import finding_offers

    found = known_findings(dashboard.health)
    about = [one for one in worst_first(found) if one.rule in advice.rules and advice.tenant in (None, tenant_of(one))]
    if not advice.kind or not about:
        return []
    offers = finding_offers(about[0], last_report(dashboard, "limits"), None, now_of(dashboard))
    return [one for one in offers if one.request.operation is not None]


def label_of(dashboard: DashboardServices, outside: OutsideRemedies | None, advice: "Advice") -> str:
    """Return the name of the demo's remedy that a recommendation stands for; "" if no finding needs it now.

    Args:
        dashboard: The dashboard with the last readings.
        outside: Knows the demo's remedies; None outside of the demo.
        advice: A recommendation of an incident.
    """
    found = known_findings(dashboard.health)
    if outside is None or not advice.command:
        return ""
    about = chain.from_iterable(chains_of(dashboard, [one for one in found if one.rule in advice.rules]))
    known = chain.from_iterable(outside.known_for(one) for one in about)
    return next((one.label for one in known if f"{REMEDY_COMMAND}{one.name}" == advice.command), "")


def acts_on(dashboard: DashboardServices, outside: OutsideRemedies | None, finding: Finding) -> bool:
    """Return True if ``a`` on a finding's row offers an action for it or its cause."""
    return first_act(dashboard, outside, finding) is not None


async def ask_which(
    dashboard: DashboardServices,
    chains: Sequence[Sequence[Finding]],
    remedies: Sequence[FittingRemedy],
    more: bool,
    beside: str = "",
) -> int | None:
    """Ask which remedy to carry out, unless there is only one: it asks for confirmation anyway.

    Return its index, ``len(remedies)`` for other actions, or None.

    Args:
        dashboard: Shows the dialog.
        chains: The findings, each with its causes.
        remedies: The offered remedies.
        more: True if this program has actions of its own, too.
        beside: Figures to compare the finding with (safe text); empty for none.
    """
    from optimus_tui.tui.dashboard.evidence import BESIDE
    from optimus_tui.tui.dialogs.base import PickDialog

    if len(remedies) == 1 and not more:
        return 0
    finding = next(one[0] for one in chains if remedies[0].finding in one)
    themselves = [one[0] for one in chains]
    rows = [(one.remedy.label, _about(one, one.finding not in themselves)) for one in remedies]
    if more:
        rows.append(("Change its keys in Redis", "lists what this program itself can do; each asks first"))
    seen = clock(dashboard.context.clock.wall())
    about = f"{safe_text(finding.message, 200)}, as of {seen} UTC{clause(beside, BESIDE)}"
    place: int | None = await dashboard.ask(PickDialog("Actions", rows, about))
    return place


def undone_words(remedy: "Remedy", finding: Finding | None = None, known: Iterable[Finding] = ()) -> str:
    """Return how a remedy can be undone and what it costs, with the tenant, as far as a finding names one.

    Args:
        remedy: The remedy.
        finding: The finding that it is for; None if no finding needs it.
        known: Those of the health report: one of them tells whether the service answers at all.
    """
    tenant = tenant_of(finding) if finding is not None else None
    undone = remedy.undone.replace("{tenant}", safe_text(tenant or "any tenant", 60))
    if not remedy.restarts:
        return undone
    if _is_silent(remedy, [finding, *known]):
        return f"{undone} The {remedy.restarts} does not answer now, so no further request is lost."
    return f"{undone} Requests that the {remedy.restarts} is serving then fail."


def _is_silent(remedy: "Remedy", found: Iterable[Finding | None]) -> bool:
    """Return True if the service that a remedy restarts does not answer at all."""
    down = SERVICE_DOWN.get(remedy.restarts)
    return any(one is not None and not one.held and one.rule == down and one.measured == NO_ANSWER for one in found)


def remedy_words(
    remedy: "Remedy", finding: Finding | None, advice: "TeamAdvice | None", known: Sequence[Finding] = ()
) -> str:
    """Return a few lines for the dialog that confirms a remedy: what it is for, why, and how it is undone.

    Args:
        remedy: The remedy.
        finding: The finding that it is for; None if no finding needs it.
        advice: The playbook's advice about it; None if there is none.
        known: Those of the health report.
    """
    lines = ["No finding needs it now."]
    if finding is not None:
        lines = [f"For: {safe_text(finding.message, 200)}"]
    if advice is not None:
        why = advice.reason or f"{advice.action}." * (advice.action != remedy.label)
        lines += [f"Why: {safe_text(why, 200)}"] * bool(why)
    lines += [f"Not measured here: {remedy.unmeasured}."] * bool(remedy.unmeasured)
    if remedy.undone:
        expected = "" if _is_silent(remedy, [finding, *known]) else restart_words(remedy.restarts)
        lines.append(f"{undone_words(remedy, finding, known)} {expected}".rstrip())
    lines.append(f"{AT_ONCE} A check tells whether it helped.")
    return "\n".join(lines)


def _about(one: FittingRemedy, is_of_cause: bool) -> str:
    cause = f"ends its cause: {safe_text(one.finding.message, 120)}; " * is_of_cause
    unmeasured = clause(one.remedy.unmeasured, "; not measured here: ")
    return f"{cause}the demo does it ({REMEDY_COMMAND}{one.remedy.name}); asks first{unmeasured}"
