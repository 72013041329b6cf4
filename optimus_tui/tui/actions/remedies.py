"""Which remedies outside of this program are offered for a finding: its own, and those of what has caused it."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from optimus_tui.contract.findings import Finding, causes_of
from optimus_tui.tui.dashboard.reports import last_report
from optimus_tui.tui.services import REMEDY_COMMAND, DashboardServices, OutsideRemedies
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.contract.incident import Remedy, TeamAdvice

AT_ONCE = "It is done outside of this program, which stays read-only."


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


async def fitting_remedies(outside: OutsideRemedies | None, chain: Sequence[Finding]) -> list[FittingRemedy]:
    """Return the remedies of a finding and of its causes, as ``with_causes`` returns them; each remedy once."""
    found: dict[str, FittingRemedy] = {}
    for one in chain if outside is not None else ():
        for remedy in await outside.fitting(one):  # type: ignore[union-attr]
            found.setdefault(remedy.name, FittingRemedy(remedy, one))
    return list(found.values())


def acts_on(dashboard: DashboardServices, outside: OutsideRemedies | None, finding: Finding) -> bool:
    """Return True if ``a`` on a finding's row has something that can be done about it, or about its cause.

    Args:
        dashboard: Whose readings tell, and whose settings allow actions.
        outside: What knows the demo's remedies; None where nothing does.
        finding: A finding.
    """
    from optimus_tui.tui.actions.questions import finding_offers

    chain = with_causes(finding, dashboard.health.findings if dashboard.health is not None else ())
    if outside is not None and any(outside.has_one_for(one) for one in chain):
        return True
    readings = last_report(dashboard, "limits"), last_report(dashboard, "cache")
    return dashboard.settings.writable and any(finding_offers(one, *readings) for one in chain)


async def ask_which(
    dashboard: DashboardServices, finding: Finding, remedies: Sequence[FittingRemedy], more: bool
) -> int | None:
    """Ask which remedy is wanted. Return its place, one beyond the last for other actions, None for none.

    Args:
        dashboard: Who shows the dialog.
        finding: What something is to be done about.
        remedies: What is offered.
        more: True if this program has actions for it, too.
    """
    from optimus_tui.tui.dialogs.base import PickDialog

    rows = [(one.remedy.label, _about(one, finding)) for one in remedies]
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


def _about(one: FittingRemedy, finding: Finding) -> str:
    cause = f"ends its cause: {safe_text(one.finding.message, 120)}; " * (one.finding != finding)
    return f"{cause}outside of this program ({REMEDY_COMMAND}{one.remedy.name}); asks first"
