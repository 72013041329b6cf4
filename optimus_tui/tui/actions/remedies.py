"""Which remedies outside of this program are offered for a finding: its own, and those of what has caused it."""

from collections.abc import Container, Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from optimus_tui.contract.findings import Finding, causes_of, worst_first
from optimus_tui.contract.keyspace import LimitRow
from optimus_tui.tui.dashboard.reports import last_report
from optimus_tui.tui.services import REMEDY_COMMAND, DashboardServices, OutsideRemedies
from optimus_tui.wording.numbers import clause
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.contract.incident import Remedy, TeamAdvice
    from optimus_tui.tui.actions.questions import Offer

AT_ONCE = "The demo does it; this program stays read-only."


class FittingRemedy(NamedTuple):
    """A remedy, and the finding that it is for."""

    remedy: "Remedy"
    finding: Finding


def with_causes(finding: Finding, known: Iterable[Finding]) -> list[Finding]:
    """Return a finding, what has caused it, and what has caused that, as far as it is found now.

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
    """Return the findings that a row is about, the worst first: itself, or those of its counter; none for other rows.

    Args:
        dashboard: Whose readings tell.
        row: The row of any pane or of the screen of a tenant, or a finding.
    """
    from optimus_tui.tui.actions.questions import finding_of
    from optimus_tui.tui.panes.limits.lines import findings_about

    finding = finding_of(row)
    if finding is not None:
        return [finding]
    if isinstance(row, LimitRow):
        limits = last_report(dashboard, "limits")
        return [] if limits is None else findings_about(row, limits.findings)
    return []


def chains_of(dashboard: DashboardServices, findings: Iterable[Finding]) -> list[list[Finding]]:
    """Return each finding that needs something done with its causes, as far as the health report knows them."""
    known = dashboard.health.findings if dashboard.health is not None else ()
    return [with_causes(one, known) for one in findings if not dashboard.incidents.proved_fixed(one)]


class FirstAct(NamedTuple):
    """What ``a`` on a finding offers first (safe text), and whether that ends its cause, not the finding itself."""

    name: str
    ends_cause: bool


def first_act(dashboard: DashboardServices, outside: OutsideRemedies | None, finding: Finding) -> FirstAct | None:
    """Return the first of what ``a`` on a finding offers about it, or about its cause; None for nothing.

    Args:
        dashboard: Whose readings tell, and whose settings allow actions.
        outside: What knows the demo's remedies; None where nothing does.
        finding: A finding.
    """
    from optimus_tui.tui.actions.questions import finding_offers

    causes = next(iter(chains_of(dashboard, [finding])), [])
    names = [(remedy.label, one) for one in causes if outside is not None for remedy in outside.known_for(one)]
    if not names and dashboard.settings.writable and dashboard.settings.keys_are_ours:
        readings = last_report(dashboard, "limits"), last_report(dashboard, "cache")
        names = [(offer.name, one) for one in causes for offer in finding_offers(one, *readings)]
    if not names:
        return None
    name, about = names[0]
    return FirstAct(name, about != finding)


def nothing_to_do(dashboard: DashboardServices, outside: OutsideRemedies | None, finding: Finding | None) -> str:
    """Return why nothing is to be done now: a remedy is under way, or the finding needs nothing; else empty."""
    if outside is not None and outside.under_way:
        return f"{outside.under_way}: under way; whether it helped is checked by itself"
    proved = "" if finding is None else dashboard.incidents.proved_fixed(finding)
    return clause(proved, "nothing has to be done about this: ")


def offers_about(
    dashboard: DashboardServices, row: object, chains: Sequence[Sequence[Finding]]
) -> "tuple[list[Offer], str]":
    """Return the actions about a row, else those about what caused it, and a sentence that says so.

    Args:
        dashboard: Whose readings tell.
        row: The row of any pane, or a finding.
        chains: Findings with what caused each of them, as ``chains_of`` returns them.
    """
    from optimus_tui.tui.actions.questions import finding_of, offers_for

    readings = last_report(dashboard, "limits"), last_report(dashboard, "cache")
    if offers := offers_for(row, *readings):
        return offers, ""
    for cause in () if finding_of(row) is None else next(iter(chains), ())[1:]:
        if offers := offers_for(cause, *readings):
            return offers, f" They end its cause: {safe_text(cause.message, 160)}."
    return [], ""


def act_about(dashboard: DashboardServices, outside: OutsideRemedies | None, rules: Container[str]) -> str:
    """Return what ``a`` does first about the worst finding of these rules, as the dashboard calls it; else "".

    Args:
        dashboard: Whose readings tell.
        outside: What knows the demo's remedies; None where nothing does.
        rules: The rules that something is recommended for.
    """
    found = dashboard.health.findings if dashboard.health is not None else ()
    acts = (first_act(dashboard, outside, one) for one in worst_first(found) if one.rule in rules)
    return next((act.name for act in acts if act is not None), "")


def acts_on(dashboard: DashboardServices, outside: OutsideRemedies | None, finding: Finding) -> bool:
    """Return True if ``a`` on a finding's row has something that can be done about it, or about its cause."""
    return first_act(dashboard, outside, finding) is not None


async def ask_which(
    dashboard: DashboardServices, chains: Sequence[Sequence[Finding]], remedies: Sequence[FittingRemedy], more: bool
) -> int | None:
    """Ask which remedy is wanted. Return its place, one beyond the last for other actions, None for none.

    Args:
        dashboard: Who shows the dialog.
        chains: What something is to be done about, each with its causes.
        remedies: What is offered.
        more: True if this program has actions for it, too.
    """
    from optimus_tui.tui.dialogs.base import PickDialog

    finding = next(one[0] for one in chains if remedies[0].finding in one)
    themselves = [one[0] for one in chains]
    rows = [(one.remedy.label, _about(one, one.finding not in themselves)) for one in remedies]
    if more:
        rows.append(("Act on its keys", "shows the actions of this program"))
    place: int | None = await dashboard.ask(PickDialog("Actions", rows, safe_text(finding.message, 200)))
    return place


def remedy_words(remedy: "Remedy", finding: Finding | None, advice: "TeamAdvice | None") -> str:
    """Return what a remedy is for, why, and how it is undone, in few lines, for the dialog that asks before it is done.

    Args:
        remedy: The remedy.
        finding: What it is for; None where no finding needs it.
        advice: What the playbook says of it; None where it says nothing.
    """
    lines = ["No finding asks for it now."]
    if finding is not None:
        lines = [f"For: {safe_text(finding.message, 200)}"]
    if advice is not None:
        why = advice.reason or f"{advice.action}." * (advice.action != remedy.label)
        lines += [f"Why: {safe_text(why, 200)}"] * bool(why)
    lines += [remedy.undone] * bool(remedy.undone)
    lines.append(f"{AT_ONCE} A check tells whether it helped.")
    return "\n".join(lines)


def _about(one: FittingRemedy, is_of_cause: bool) -> str:
    cause = f"ends its cause: {safe_text(one.finding.message, 120)}; " * is_of_cause
    return f"{cause}outside of this program ({REMEDY_COMMAND}{one.remedy.name}); asks first"
