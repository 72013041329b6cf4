"""The list of the last step: what the tools recommend, what the team adds, and which actions can help. Pure.

The catalogue of findings says which action fixes which finding. An action is recommended only for a tenant whose name
is certain.
"""

import hashlib
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from optimus_tui.contract.finding_rules import rule_of, rules_cured_by
from optimus_tui.contract.incident import Advice, Outcome, Step, TeamAdvice
from optimus_tui.contract.tools.common import Diagnostic, Recommendation
from optimus_tui.workflow.ranking import MATTERS, SCALE, level, rank, tenant_of

BY_COMMAND = (
    ("EXPIRE", "rate_limit:", "repair_counter"),
    ("UNLINK", "rate_limit:", "reset_counters"),
    ("UNLINK", "cache:", "unlink_prefix"),
)
"""(Verb, prefix of the keys, action): the action that does what a recommended command does."""
_OFFER = {
    "repair_counter": "Give the counters of {who} that never reset a TTL; their counts stay",
    "reset_counters": "Only if waiting for the windows to end takes too long: reset the counters of {who}",
    "unlink_no_ttl": "Unlink the cache keys of {who} that never expire",
    "unlink_prefix": "Unlink the cache keys of {who} whose names begin with a prefix",
    "invalidate_tenant": "Invalidate the cache of {who}; gateways then drop their own copies too",
}
_LAST = ("reset_counters", "unlink_prefix")
"""These actions lose data that may be needed: their priority is always low."""
_ORDER = {"critical": 0, "high": 1, "medium": 2, "low": 3}
_PRIORITIES = {**{name: name for name in _ORDER}, "info": "low", "warning": "medium"}


def advise(
    steps: Sequence[Step], team: Sequence[TeamAdvice], before: Sequence[Advice], tenant: str | None
) -> tuple[Advice, ...]:
    """Return all recommendations, the most urgent first.

    Args:
        steps: The incident's steps with their outcomes.
        team: The team's recommendations.
        before: The earlier list; its marks are kept.
        tenant: The chosen tenant; None for none.
    """
    made: dict[str, Advice] = {}
    for step in steps:
        if step.outcome is None:
            continue
        for one in step.outcome.recommendations:
            _add(made, _of_tool(one, step.outcome, step, tenant))
    findings = [one for step in steps if step.outcome for one in step.outcome.findings]
    for advice in (*_of_team(team, findings), *_offers(findings, made.values(), tenant)):
        _add(made, advice)
    marked = {one.id: one for one in before if one.status != "open"}
    kept = []
    for advice in made.values():
        known = marked.get(advice.id, advice)
        kept.append(replace(advice, status=known.status, said=known.said))
    # What was done stays in the list, even if a step that was run again no longer recommends it.
    gone = [one for name, one in marked.items() if name not in made]
    return tuple(sorted([*kept, *gone], key=lambda one: _ORDER.get(one.priority, 2)))


def _add(made: dict[str, Advice], one: Advice) -> None:
    made.setdefault(one.id, one)


def _of_tool(one: Recommendation, outcome: Outcome, step: Step, tenant: str | None) -> Advice:
    kind = _kind_of_command(one.command)
    cured = rules_cured_by(kind)
    if one.rule:
        cured = (one.rule,)
    about = [found for found in outcome.findings if found.rule in cured]
    about = [found for found in about if found.message == one.reason] or about
    chosen = step.arguments.get("tenant_id")
    if isinstance(chosen, str):
        tenant = chosen
    advice = _advice(
        action=one.action,
        priority=one.priority,
        command=one.command,
        file=one.file,
        reason=one.reason,
        kind=kind,
        tenant=tenant,
        about=about,
        source=step.plan.id,
    )
    if one.rule:
        return replace(advice, rules=(one.rule,))
    return advice


def _kind_of_command(command: str | None) -> str:
    for verb, keys, kind in BY_COMMAND:
        if command and f" {verb} " in command and keys in command:
            return kind
    return ""


def _of_team(team: Iterable[TeamAdvice], findings: Sequence[Diagnostic]) -> Iterable[Advice]:
    for one in team:
        about = [found for found in findings if any(_covers(when, found.rule) for when in one.when)]
        if about:
            yield _advice(
                action=one.action, priority=one.priority, command=one.command, file=None, reason=one.reason, kind="",
                tenant=None, about=about, source="playbook",
            )  # fmt: skip


def _covers(when: str, rule: str) -> bool:
    return rule == when or (when.endswith(".") and rule.startswith(when))


def _offers(findings: Sequence[Diagnostic], made: Iterable[Advice], tenant: str | None) -> list[Advice]:
    """Return an action for every finding that has one, unless a recommendation already leads to it."""
    offered = {(one.kind, one.tenant) for one in made if one.kind}
    offers: list[Advice] = []
    for one in findings:
        kind = rule_of(one.rule).cured_by or ""
        who = tenant_of(one)
        if who is None and not one.rule.startswith("limits."):
            who = tenant
        if not kind or (kind, who) in offered:
            continue
        offered.add((kind, who))
        priority = "low"
        if kind not in _LAST:
            priority = SCALE[max(rank(level(one)), MATTERS)]
        offers.append(
            _advice(
                action=_OFFER[kind].format(who=who or "one tenant"), priority=priority, command=None, file=None,
                reason=one.message, kind=kind, tenant=who, about=[one], source="",
            )
        )  # fmt: skip
    return offers


def _advice(
    *, action: str, priority: str, command: str | None, file: str | None, reason: str, kind: str, tenant: str | None,
    about: Sequence[Diagnostic], source: str,
) -> Advice:  # fmt: skip
    identity = "\0".join((action, command or "", kind, tenant or ""))
    rules = tuple(dict.fromkeys(one.rule for one in about))
    return Advice(
        id=hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:8],
        action=action,
        priority=_PRIORITIES.get(priority, "medium"),
        command=command,
        file=file,
        reason=reason,
        kind=kind,
        tenant=tenant,
        rules=rules or rules_cured_by(kind),
        evidence=tuple(dict.fromkeys(one.message for one in about))[:10],
        source=source,
    )
