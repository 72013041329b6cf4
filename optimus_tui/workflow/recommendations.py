"""Read playbooks from TOML, and list the recommendations of the last step. Pure.

Recommendations are those of the tools, those of the team, and the actions that can help. The catalogue of findings
defines which action fixes which finding.
"""

import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from optimus_tui.contract.finding_rules import rule_of, rules_cured_by
from optimus_tui.contract.findings import SEVERITIES
from optimus_tui.contract.incident import Advice, OpenFinding, Outcome, Step, StepPlan, TeamAdvice
from optimus_tui.contract.tools.common import Diagnostic, Recommendation
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.short_hash import shown_tenant
from optimus_tui.workflow.ranking import MATTERS, SCALE, as_urgent, level, matters, not_shown, rank, tenant_of, worse_of
from optimus_tui.workflow.team import is_for

NAME = re.compile(r"^[a-z][a-z0-9_-]{0,39}$")
MOST_STEPS, MOST_COMMANDS, LONGEST = 30, 100, 4_000
KINDS = ("tool", "manual", "apply")
PRIORITIES = ("critical", "high", "medium", "low")
_TOP = {"name": str, "title": str, "description": str, "extends": str, "steps": list, "commands": list}
_STEP: dict[str, type] = {
    "id": str, "title": str, "kind": str, "tool": str, "arguments": dict, "choose_issue": bool, "why": str,
    "command": str, "first_when": list, "after": str,
}  # fmt: skip
_COMMAND: dict[str, type] = {
    "when": list, "effects": list, "subjects": list, "action": str, "priority": str, "command": str, "reason": str,
    "cause": str,
}  # fmt: skip
_WORDS = {str: "text", list: "a list", dict: "a table", bool: "true or false"}
BY_COMMAND = (
    ("EXPIRE", "limits.", "repair_counter"),
    ("UNLINK", "limits.", "reset_counters"),
    ("EXPIRE", "cache.", "expire_no_ttl"),
    ("UNLINK", "cache.", "unlink_prefix"),
)
"""(Verb, how the rule that it is for begins, action): the action that does what a recommended command does."""
_OFFER = {
    "repair_counter": "Reset the counters of {who} that have no TTL, or give them one; full ones refuse until it ends",
    "reset_counters": "Reset the counters of {who}, if waiting for the windows to end takes too long",
    "expire_no_ttl": "Give the cache keys of {who} that never expire a TTL; the answers are kept",
    "unlink_prefix": "Unlink the cache keys of {who} whose names begin with a prefix",
    "invalidate_tenant": "Invalidate the cache of {who}; gateways then drop their own copies too",
}
TEAM = "playbook"
"""The source of a recommendation that the team wrote down."""
_LAST = ("reset_counters", "unlink_prefix")
"""These actions lose data that may be needed: their priority is always low."""
_ORDER: dict[str, int] = {severity: place for place, severity in enumerate(reversed(SEVERITIES))}


class PlaybookError(Exception):
    """A mistake in a playbook; the text is one sentence that names the file and the key."""


class Playbook(Struct, frozen=True, kw_only=True):
    """One playbook.

    Attributes:
        where: Its file, for messages.
        after: Maps a step's id to the id of the step that it follows.
        extends: The playbook that it extends; empty once resolved.
    """

    name: str
    title: str
    where: str
    steps: tuple[StepPlan, ...]
    team: tuple[TeamAdvice, ...] = ()
    extends: str = ""
    after: dict[str, str] = field(default_factory=dict)
    description: str = ""


def parse(text: str, where: str) -> Playbook:
    """Return the playbook in ``text``. ``where``: the file's name for messages.

    Unknown keys, tools without a name, two steps with one id, and unprintable characters are refused.

    Raises:
        PlaybookError: It has a mistake.
    """
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise PlaybookError(f"{where} is not valid TOML: {safe_text(error, 120)}") from None
    _known(table, _TOP, where, "")
    name = _name(table, where)
    rows = table.get("steps", [])
    extends = table.get("extends", "")
    if not rows and not extends and not table.get("commands"):
        raise PlaybookError(f"{where}: steps is missing; a playbook has at least one [[steps]]")
    if len(rows) > MOST_STEPS:
        raise PlaybookError(f"{where}: steps has {len(rows)} entries; at most {MOST_STEPS}")
    plans: list[StepPlan] = []
    after: dict[str, str] = {}
    for number, row in enumerate(rows):
        key = f"steps[{number + 1}]"
        plan, follows = _step(row, where, key)
        if any(plan.id == other.id for other in plans):
            raise PlaybookError(f"{where}: {key}.id {plan.id!r} is used twice")
        plans.append(plan)
        if follows:
            after[plan.id] = follows
    commands = table.get("commands", [])
    if len(commands) > MOST_COMMANDS:
        raise PlaybookError(f"{where}: commands has {len(commands)} entries; at most {MOST_COMMANDS}")
    team = tuple(_command(row, where, f"commands[{number + 1}]") for number, row in enumerate(commands))
    return Playbook(
        name=name, title=table.get("title") or name, where=where, steps=tuple(plans), team=team, extends=extends,
        after=after, description=table.get("description", ""),
    )  # fmt: skip


def resolve(name: str, playbooks: Mapping[str, Playbook]) -> Playbook:
    """Return the named playbook merged with those that it extends.

    Added steps are inserted after the step that they name, or before the last one.

    Raises:
        PlaybookError: One of them is missing, or they extend each other.
    """
    chain: list[Playbook] = []
    while True:
        found = playbooks.get(name)
        if found is None:
            known = ", ".join(sorted(playbooks))
            if chain:
                raise PlaybookError(f"{chain[-1].where}: extends names {name!r}, which is not there; there are {known}")
            raise PlaybookError(f"there is no playbook {safe_text(name, 60)!r}; there are {known}")
        if found in chain:
            raise PlaybookError(f"{chain[-1].where}: extends leads back to {name!r}")
        chain.append(found)
        if not found.extends:
            break
        name = found.extends
    whole = chain.pop()
    while chain:
        whole = _extend(whole, chain.pop())
    if not whole.steps:
        raise PlaybookError(f"{whole.where}: steps is missing; a playbook has at least one [[steps]]")
    return whole


def _extend(base: Playbook, more: Playbook) -> Playbook:
    steps = list(base.steps)
    for plan in more.steps:
        ids = [one.id for one in steps]
        if plan.id in ids:  # The team's own version replaces the step.
            steps[ids.index(plan.id)] = plan
            continue
        follows = more.after.get(plan.id)
        if follows is not None and follows not in ids:
            raise PlaybookError(f"{more.where}: after names an unknown step {follows!r}; there are {', '.join(ids)}")
        place = len(steps)
        if steps and steps[-1].kind == "apply":
            place -= 1
        if follows is not None:
            place = ids.index(follows) + 1
        steps.insert(place, plan)
    return Playbook(
        name=more.name, title=more.title, where=more.where, steps=tuple(steps), team=(*base.team, *more.team),
        description=more.description or base.description,
    )  # fmt: skip


# -- one entry


def _name(table: Mapping[str, Any], where: str) -> str:
    name = table.get("name", "")
    if not isinstance(name, str) or not NAME.match(name):
        raise PlaybookError(f"{where}: name must be a lower-case word such as checkout (letters, digits, - and _)")
    return name


def _step(row: Any, where: str, key: str) -> tuple[StepPlan, str]:
    _table(row, where, key)
    _known(row, _STEP, where, f"{key}.")
    name, kind = row.get("id", ""), row.get("kind", "tool" if row.get("tool") else "manual")
    if not NAME.match(name):
        raise PlaybookError(f"{where}: {key}.id must be a lower-case word such as logs (letters, digits, - and _)")
    if kind not in KINDS:
        raise PlaybookError(f"{where}: {key}.kind must be one of {', '.join(KINDS)}")
    if (kind == "tool") != bool(row.get("tool")):
        message = f"is not allowed in a step of kind {kind}"
        if kind == "tool":
            message = "is missing"
        raise PlaybookError(f"{where}: {key}.tool {message}")
    if row.get("choose_issue") and row.get("tool") != "troubleshoot_production_issue":
        raise PlaybookError(f"{where}: {key}.choose_issue belongs to a step of troubleshoot_production_issue")
    plan = StepPlan(
        id=name,
        title=_text(row.get("title") or name, where, f"{key}.title", 80),
        kind=kind,
        tool=row.get("tool", ""),
        arguments=row.get("arguments", {}),
        choose_issue=row.get("choose_issue", False),
        why=_text(row.get("why", ""), where, f"{key}.why"),
        command=_text(row.get("command", ""), where, f"{key}.command"),
        first_when=_rules(row.get("first_when", []), where, f"{key}.first_when"),
    )
    return plan, row.get("after", "")


def _command(row: Any, where: str, key: str) -> TeamAdvice:
    _table(row, where, key)
    _known(row, _COMMAND, where, f"{key}.")
    for needed in ("when", "action"):
        if not row.get(needed):
            raise PlaybookError(f"{where}: {key}.{needed} is missing")
    if row.get("priority", "medium") not in PRIORITIES:
        raise PlaybookError(f"{where}: {key}.priority must be one of {', '.join(PRIORITIES)}")
    return TeamAdvice(
        when=_rules(row["when"], where, f"{key}.when"),
        action=_text(row["action"], where, f"{key}.action", 400),
        priority=row.get("priority", "medium"),
        command=_text(row["command"], where, f"{key}.command") if row.get("command") else None,
        reason=_text(row.get("reason", ""), where, f"{key}.reason"),
        subjects=_subjects(row.get("subjects", []), where, f"{key}.subjects"),
        effects=_rules(row.get("effects", []), where, f"{key}.effects"),
        cause=_text(row.get("cause", ""), where, f"{key}.cause"),
    )


def _subjects(values: Iterable[Any], where: str, key: str) -> tuple[str, ...]:
    found = tuple(values)
    if not all(isinstance(one, str) and one for one in found):
        raise PlaybookError(f"{where}: {key} must be a list of names such as engine, gateway, or a tenant")
    return tuple(_text(one, where, key, 200) for one in found)


def _table(row: Any, where: str, key: str) -> None:
    if not isinstance(row, dict):
        raise PlaybookError(f"{where}: {key} must be a table")


def _known(table: Mapping[str, Any], known: Mapping[str, type], where: str, prefix: str) -> None:
    for key, value in table.items():
        shown = safe_text(key, 60)
        if key not in known:
            near = get_close_matches(key, known, 1)
            hint = f"valid here: {', '.join(known)}"
            if near:
                hint = f"did you mean {near[0]}?"
            raise PlaybookError(f"{where}: {prefix}{shown} is unknown; {hint}")
        if not isinstance(value, known[key]):
            raise PlaybookError(f"{where}: {prefix}{shown} must be {_WORDS[known[key]]}")


def _rules(values: Iterable[Any], where: str, key: str) -> tuple[str, ...]:
    found = tuple(values)
    if not all(isinstance(one, str) and re.match(r"^[a-z_]+\.[a-z0-9_.]*$", one) for one in found):
        raise PlaybookError(f"{where}: {key} must be a list of rules such as limits.over, or limits. for all of them")
    return found


def _text(value: str, where: str, key: str, limit: int = LONGEST) -> str:
    if len(value) > limit:
        raise PlaybookError(f"{where}: {key} has {len(value):,} characters; at most {limit:,}")
    if any(not char.isprintable() and char != "\n" for char in value):
        raise PlaybookError(f"{where}: {key} holds a character that cannot be shown")
    return value


_PRIORITIES = {**{name: name for name in _ORDER}, "info": "low", "warning": "medium"}


def advise(
    steps: Sequence[Step], team: Sequence[TeamAdvice], before: Sequence[Advice], tenant: str | None,
    alarm: Iterable[OpenFinding] = (), *, writable_layout: bool = True,
) -> tuple[Advice, ...]:  # fmt: skip
    """Return all recommendations, the most urgent first; among equally urgent ones, those of the team come first.

    An action is recommended only for a tenant whose name is certain.

    Args:
        steps: The incident's steps with their outcomes.
        team: The team's recommendations.
        before: The earlier list, whose marks are kept.
        tenant: The chosen tenant; None for none.
        alarm: The findings that the incident was opened for; the team's own commands apply to them, too.
        writable_layout: False where the profile does not allow actions on its keys: then none is recommended.
    """
    made: dict[str, Advice] = {}
    for step in steps:
        if step.outcome is None:
            continue
        for one in step.outcome.recommendations:
            _add(made, _of_tool(one, step.outcome, step, tenant))
    findings = [one for step in steps if step.outcome for one in step.outcome.findings]
    looked = any(step.outcome for step in steps)
    concerned = [*findings, *not_shown(alarm, findings, looked=looked)]
    offers = _offers(findings, made.values(), tenant) if writable_layout else []
    for advice in (*_of_team(team, concerned), *offers):
        _add(made, advice)
    for advice in _instructions(findings, made.values()):
        _add(made, advice)
    marked = {one.id: one for one in before if one.status != "open"}
    kept = []
    for advice in made.values():
        known = marked.get(advice.id, advice)
        priority = advice.priority if advice.kind in _LAST else as_urgent(advice.priority, advice.rules, findings)
        kept.append(replace(advice, status=known.status, said=known.said, priority=priority))
    # What was done stays in the list, even if a step that was run again no longer recommends it.
    gone = [one for name, one in marked.items() if name not in made]
    effects = {one.rule for one in findings if one.caused_by}

    def urgency(one: Advice) -> tuple[int, bool, bool]:
        return _ORDER.get(one.priority, 2), one.source != TEAM, bool(one.rules) and effects.issuperset(one.rules)

    return tuple(sorted([*kept, *gone], key=urgency))


def _add(made: dict[str, Advice], one: Advice) -> None:
    made.setdefault(one.id, one)


def _of_tool(one: Recommendation, outcome: Outcome, step: Step, tenant: str | None) -> Advice:
    kind = _kind_of_command(one)
    cured = rules_cured_by(kind)
    if one.rule:
        cured = (one.rule,)
    about = [found for found in outcome.findings if found.rule in cured]
    about = [found for found in about if found.message == one.reason] or about
    chosen = step.arguments.get("tenant_id")
    if isinstance(chosen, str):
        tenant = chosen
    advice = _advice(
        action=one.action, priority=one.priority, command=one.command, file=one.file, reason=one.reason, kind=kind,
        tenant=tenant, about=about, source=step.plan.id,
    )  # fmt: skip
    if one.rule:
        return replace(advice, rules=(one.rule,))
    return advice


def _kind_of_command(one: Recommendation) -> str:
    """Return the action that does what a recommended command does, whatever its keys are called; "" for none."""
    does = (k for verb, family, k in BY_COMMAND if f" {verb} " in (one.command or "") and one.rule.startswith(family))
    return next(does, "")


def _of_team(team: Iterable[TeamAdvice], findings: Sequence[Diagnostic]) -> list[Advice]:
    """Return the team's recommendations for these findings, those for the worst finding first.

    Each is at least as urgent as the worst finding that it is for; for a note it is no more urgent than that.
    """
    made: list[tuple[int, Advice]] = []
    for one in team:
        about = [found for found in findings if is_for(one, found)]
        if not about:
            continue
        found_worst = max(rank(level(found)) for found in about)
        priority = worse_of(one.priority, SCALE[found_worst]) if found_worst >= MATTERS else SCALE[found_worst]
        advice = _advice(
            action=one.action, priority=priority, command=one.command, file=None,
            reason=one.reason, kind="", tenant=None, about=about, source=TEAM,
        )  # fmt: skip
        made.append((found_worst, advice))
    return [advice for _, advice in sorted(made, key=lambda pair: -pair[0])]


def _instructions(findings: Sequence[Diagnostic], made: Iterable[Advice]) -> list[Advice]:
    """Return what the catalogue says to do, for each rule that matters and that no recommendation is about.

    An effect needs none of its own: it ends with its cause.
    """
    covered = {rule for one in made for rule in one.rules}
    told: list[Advice] = []
    for one in findings:
        remedy = rule_of(one.rule).remedy
        needs_more = "{" in remedy.replace("{subject}", "")
        if not remedy or needs_more or one.caused_by or one.rule in covered or not matters(one):
            continue
        covered.add(one.rule)
        told.append(
            _advice(
                action=remedy.replace("{subject}", one.subject), priority=SCALE[rank(level(one))], command=None,
                file=None, reason=one.message, kind="", tenant=tenant_of(one), about=[one], source="",
            )
        )  # fmt: skip
    return told


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
        priority = "low" if kind in _LAST else SCALE[rank(level(one))]
        name = shown_tenant(who) if who else "one tenant"
        offers.append(
            _advice(
                action=_OFFER[kind].format(who=name), priority=priority, command=None, file=None,
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
