"""When a check after a remedy can prove something: what must be recorded since, and when that will be. Pure.

A check counts only what came since the remedy, and too little proves nothing: a single quick answer does not prove that
a service is quick. How much is enough depends on the finding: a key's TTL can be read at once, a latency needs some
measurements, a share needs requests.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from optimus_tui.contract.finding_rules import (
    CACHE_BULK,
    CACHE_CHURN,
    CACHE_EVICTIONS,
    CACHE_HIT_RATE,
    CACHE_HIT_RATE_CONFLICT,
    EVENTS_FLOOD,
    LIMITS_NEAR,
    LIMITS_OVER,
    LIMITS_REFUSED,
    LIMITS_REFUSED_BELOW,
    LIMITS_TENANT_SHARE,
    LIMITS_TOTAL,
    REDIS_SLOW_COMMANDS,
    rule_of,
)
from optimus_tui.contract.incident import ActionRecord, IncidentState, Outcome, Verdict
from optimus_tui.contract.tools.common import Diagnostic
from optimus_tui.wording.numbers import age, and_others, clause, clock, plural
from optimus_tui.wording.truth import without_reason
from optimus_tui.workflow.ranking import level, rank

CHECK_SECONDS = 2.0
"""The usual time between two measurements of a service."""
SETTLE_SECONDS = 1.0
"""What was under way when the remedy took effect may still end badly: counting begins after it."""
MEASURED = ("gateway", "engine", "redis")
"""Services whose latency is measured; any other subject of a latency is a route of the gateway."""
WINDOW_SECONDS = 60.0
"""A limiter's window where the finding does not tell its length."""
GIVE_UP_SECONDS = 600.0
"""A check that still lacks what it needs runs then all the same, and says what it lacks."""
FOLLOW_SECONDS = 1800.0
"""For so long after a remedy that has not fixed the fault yet, its checks run again by themselves."""
_FIRST_AGAIN, _LAST_AGAIN = 15.0, 120.0


class ProofNeed(Struct, frozen=True, kw_only=True):
    """The measurements and requests that are needed before a check can prove anything.

    Attributes:
        seconds: How long that takes at the usual rate; 0 for at once.
        checks: The number of measurements of each of ``services``; failed ones count.
        services: Names of services (gateway, engine, redis).
        timed: True if only measurements with a latency count.
        requests: The number of requests that the gateway counts, of all routes.
        route: A route that needs ``ROUTE_REQUESTS`` of its own; empty for none.
        lookups: The number of look-ups in the cache that the gateway counts.
        window: True if a limiter's window must end.
    """

    seconds: float = 0.0
    checks: int = 0
    services: tuple[str, ...] = ()
    timed: bool = False
    requests: int = 0
    route: str = ""
    lookups: int = 0
    window: bool = False

    def words(self) -> str:
        """Return the need in words: ``15 checks of engine``, ``20 requests``, ``a whole window of the limit``."""
        parts = []
        if self.checks:
            parts.append(f"{plural(self.checks, 'check')} of {' and '.join(self.services)}")
        if self.requests:
            parts.append(f"{plural(self.requests, 'request')}{clause(self.route, ', some of ')}")
        if self.lookups:
            parts.append(plural(self.lookups, "look-up"))
        if self.window:
            parts.append("a whole window of the limit")
        if not parts and not self.seconds:
            return "the next reading"
        return ", ".join(parts) or f"{age(self.seconds)} to see whether it comes back"


def _checks(count: int, *services: str, timed: bool = False) -> ProofNeed:
    return ProofNeed(seconds=count * CHECK_SECONDS, checks=count, services=services, timed=timed)


_AT_ONCE = ProofNeed()
_HOLD = ProofNeed(seconds=15.0)
"""A counter that was only emptied is full again within seconds while its cause lasts."""
_COUNTS = (LIMITS_OVER, LIMITS_NEAR, LIMITS_TENANT_SHARE, LIMITS_TOTAL)
_NEEDS: tuple[tuple[tuple[str, ...], ProofNeed], ...] = (
    (_COUNTS, _HOLD),
    ((LIMITS_REFUSED, LIMITS_REFUSED_BELOW, "errors.", "proxy.", "gateway."), ProofNeed(seconds=30.0, requests=20)),
    (("services.gateway",), _checks(5, "gateway")),
    (("services.engine",), _checks(5, "engine")),
    (("services.", "server.", "breaker.", "integration."), ProofNeed(seconds=10.0)),
    ((CACHE_HIT_RATE, CACHE_HIT_RATE_CONFLICT), ProofNeed(seconds=30.0, lookups=100)),
    ((EVENTS_FLOOD, CACHE_BULK), ProofNeed(seconds=15.0)),
    ((CACHE_CHURN, CACHE_EVICTIONS, REDIS_SLOW_COMMANDS), ProofNeed(seconds=30.0)),
    (("limits.", "cache.", "coherence.", "memory."), _AT_ONCE),
)
"""By rules, or prefixes that end in a dot, the first that fits."""
_OTHERS = ProofNeed(seconds=30.0)
ROUTE_REQUESTS = 5
"""Of fewer requests of one route nothing is judged."""
_SURE_CHECKS = 15
"""Half a minute at the usual pace; fewer would call a service cured that is slow one time in ten."""


def need_of(findings: Iterable[Diagnostic], *, outside: bool) -> ProofNeed:
    """Return what is needed before a check can prove that these findings are gone.

    Args:
        findings: The findings that were to be fixed.
        outside: True if that was done outside of the product; then a used-up limit ends only with its window.
    """
    total = _AT_ONCE
    for one in sorted(findings, key=lambda one: -rank(level(one))):  # the worst route is the one that must be asked
        total = _both(total, _need_of(one, outside))
    return total


def _need_of(finding: Diagnostic, outside: bool) -> ProofNeed:
    rule, subject = finding.rule, finding.subject
    if rule.startswith("latency."):
        if subject in MEASURED:
            return _checks(_SURE_CHECKS, subject, timed=True)
        return ProofNeed(seconds=30.0, requests=20, route=subject.removeprefix("route "))
    if outside and rule in _COUNTS:
        return ProofNeed(seconds=(finding.window_seconds or WINDOW_SECONDS) + 1.0, window=True)
    for names, need in _NEEDS:
        if any(rule == name or (name.endswith(".") and rule.startswith(name)) for name in names):
            return need
    if rule_of(rule).from_redis:
        return _AT_ONCE
    return _OTHERS


def _both(one: ProofNeed, other: ProofNeed) -> ProofNeed:
    return ProofNeed(
        seconds=max(one.seconds, other.seconds),
        checks=max(one.checks, other.checks),
        services=tuple(dict.fromkeys((*one.services, *other.services))),
        timed=one.timed or other.timed,
        requests=max(one.requests, other.requests),
        route=one.route or other.route,
        lookups=max(one.lookups, other.lookups),
        window=one.window or other.window,
    )


def aimed_at(record: ActionRecord) -> Iterator[Diagnostic]:
    """Yield the findings that the action was to fix, as its checks found them before it."""
    for check in record.checks:
        for one in (check.before or Outcome(verdict="", severity="none", headline="")).findings:
            if one.rule in record.rules:
                yield one


def need_for(record: ActionRecord) -> ProofNeed:
    """Return what the checks of this action must wait for, given how often services are measured."""
    need = need_of(aimed_at(record), outside=record.receipt.outside)
    return replace(need, seconds=max(need.seconds, need.checks * record.pace))


def waiting(state: IncidentState) -> tuple[ActionRecord, ...]:
    """Return the actions whose checks wait for enough data. A superseded action is not checked any more."""
    return tuple(
        one
        for one in state.action_records
        if one.due is not None and one.verdict is None and not is_superseded(state, one)
    )


def fixed_by(
    records: Sequence[ActionRecord], is_of: Callable[[ActionRecord, Diagnostic], bool], since: float, until: float
) -> ActionRecord | None:
    """Return the last remedy that proved a finding fixed, if it still shows only the time before; None if it does not.

    Args:
        records: The actions and remedies, the oldest first.
        is_of: Returns True for a remedy and its target if the finding is that target or may follow from it.
        since: Wall-clock seconds since when the finding holds. One that begins after the proof is a new problem.
        until: Wall-clock seconds at which its figures begin. Figures from after the remedy contradict the proof.
    """
    for record in reversed(records):
        if record.verdict != "fixed" or record.proved is None or acted_at(record) < until:
            continue
        if since <= record.proved.wall and any(is_of(record, aim) for aim in aimed_at(record)):
            return record
    return None


def too_early(state: IncidentState, wall: float) -> str:
    """Return why a comparison proves nothing yet: ``proof possible at 19:13:20 (15 checks of engine)``; else ""."""
    dues = [(one.due, waits(one)) for one in waiting(state) if one.due is not None and (one.late or one.due > wall)]
    if not dues:
        return ""
    return max(dues)[1]


def waits(record: ActionRecord, *, brief: bool = False, now: float = 0.0) -> str:
    """Return what a proof waits for: ``proof possible at 19:13:20 (15 checks of engine)``, or ``late: 3 of 5 …``.

    Args:
        record: The action.
        brief: Name only the first of several things that a late proof waits for.
        now: The present time in wall-clock seconds; 0 for a moment before the proof.
    """
    possible = possible_words(record, now)
    if record.late or record.due is None:
        need = record.need.partition(",")[0] if brief else record.need
        return f"late: {need}{clause(possible, '; ')}"
    return f"{possible}{clause(record.need, ' (', ')')}"


def possible_words(record: ActionRecord, now: float = 0.0) -> str:
    """Return ``proof possible at 19:13:20``, or ``since …``; empty if late and no new time can be estimated.

    Args:
        record: The action.
        now: The present time in wall-clock seconds; 0 for a moment before the proof.
    """
    promised = record.since + need_for(record).seconds
    if record.due is None or (record.late and record.due <= promised):
        return ""
    return f"proof possible {'at' if now <= record.due + CHECK_SECONDS else 'since'} {clock(record.due)}"


TOO_EARLY = "too early: "


def early_words(record: ActionRecord, now: float = 0.0) -> str:
    """Return what a proof waits for, as ``too early: …`` or ``late: …``; ``now``: as for ``waits``."""
    return TOO_EARLY * (not record.late and now <= (record.due or 0.0)) + waits(record, now=now)


def is_superseded(state: IncidentState, record: ActionRecord) -> bool:
    """Return True if something done later aims at one of the same findings, for the same tenant or outside.

    Then no check can tell which of the two has helped, so only the later one is checked.
    """
    at = state.action_records.index(record)
    return any(_takes_over(one, record) for one in state.action_records[at + 1 :])


def _takes_over(later: ActionRecord, record: ActionRecord) -> bool:
    alike = later.receipt.tenant == record.receipt.tenant or later.receipt.outside or record.receipt.outside
    return alike and bool(set(record.rules) & set(later.rules))


def again_at(record: ActionRecord, answered: float, times: int) -> float | None:
    """Return when to repeat the checks of an action that has not fixed its fault; None for never.

    Args:
        record: The action, whose checks have answered.
        answered: Wall-clock seconds of their last answer.
        times: How often they ran.
    """
    if record.verdict in (None, "fixed"):
        return None
    pause = min(_LAST_AGAIN, max(need_for(record).seconds, _FIRST_AGAIN) * float(2 ** min(max(0, times - 1), 8)))
    return answered + pause


PROOF_WORDS: dict[Verdict, str] = {
    "fixed": "fixed", "better": "better, but not fixed", "same": "not fixed", "worse": "worse than before",
    "unknown": "not known whether it helped", "too early": "too early to tell",
}  # fmt: skip


class ProofParts(NamedTuple):
    """The result of a proof in parts.

    Attributes:
        brief: The result and how long after the action it came: ``fixed 33 s after you acted``.
        why: The figure before and after, or the reason; empty for none.
        beside: Until when a repaired counter still refuses; empty for none.
        new: What was found beside it and is new; empty for nothing.
        follows: What it follows from, and what was found beside it that needs nothing done; empty for nothing.
    """

    brief: str
    why: str = ""
    beside: str = ""
    new: str = ""
    follows: str = ""

    @property
    def result(self) -> str:
        """Return the sentence without what was found beside it."""
        return f"{self.brief}{clause(self.why, ': ')}{clause(self.beside, '; ')}"

    @property
    def words(self) -> str:
        """Return the whole sentence."""
        return f"{self.result}{clause(self.new, '; also new: ')}{clause(self.follows, '; follows from ')}"


def proof_words(record: ActionRecord, *, later: str = "after you acted") -> str:
    """Return the result in a sentence: ``fixed 33 s after you acted: engine p95 829 ms → 12 ms``.

    Args:
        record: The action.
        later: The words after the time from the action to the result.
    """
    return proof_parts(record, later=later).words


def proof_parts(record: ActionRecord, *, later: str = "after you acted") -> ProofParts:
    """Return the result in parts; before there is one, what it waits for. ``later``: as for ``proof_words``."""
    if record.verdict is None:
        if record.due is None:
            return ProofParts("the checks are running")
        return ProofParts(early_words(record))
    changes = [one.change for one in record.checks if one.change is not None]
    answered = [one.at.wall for one in record.checks if one.at is not None]
    after = ""
    if answered and record.since:
        seconds = max(answered) - confirmed_at(record)
        after = f" {age(max(0.0, seconds))} {later}"
    mine = [one for one in changes if one.verdict == record.verdict] or changes
    why = next((one.words for one in mine if one.words), "")
    if record.verdict != "unknown":
        why = next((one.deciding for one in mine if one.deciding), "") or why
    if record.verdict != "fixed":
        return ProofParts(f"{PROOF_WORDS[record.verdict]}{after}", why)
    if refused := refused_after(record):  # "fixed" would say that its users are served
        return ProofParts(f"{REPAIRED_WORD}{after}", why, beside=_refused_until(refused, record.receipt.until))
    new, follows = _beside(record, why)
    return ProofParts(f"{PROOF_WORDS['fixed']}{after}", why, new=new, follows=follows)


UNDER_WAY = "under way"
"""What is said of a remedy, after its name, until it has been carried out."""
REPAIRED_WORD = "repaired"
"""The result of what has ended a fault, but not yet what users suffer of it."""


def repaired_words(record: ActionRecord, wall: float | None = None) -> str:
    """Return ``repaired, refused until 19:14:00`` for a proved repair of a counter that kept its count; else "".

    Args:
        record: The action.
        wall: The present time: empty from the end of its window on; None for any time.
    """
    until = record.receipt.until
    if record.verdict != "fixed" or until is None or not refused_after(record) or (wall is not None and wall >= until):
        return ""
    return f"{REPAIRED_WORD}, refused until {clock(until)}"


def proof_forms(words: str) -> list[str]:
    """Return the wordings of a proof's progress, the longest first and none twice.

    The reason after ``; `` is dropped first, then how long after the action it came, or when it will be known. In
    ``Restart the AI engine: under way``, the name is dropped.
    """
    if words.endswith(f": {UNDER_WAY}"):
        return [words, UNDER_WAY]
    brief = words.partition("; ")[0]
    known = (one for one in (*PROOF_WORDS.values(), REPAIRED_WORD) if brief.startswith(f"{one} "))
    shortest = max(known, key=len, default=brief.partition(", ")[0].replace(" possible at ", " at "))
    return list(dict.fromkeys([words, brief, shortest]))


def _beside(record: ActionRecord, why: str) -> tuple[str, str]:
    """Return what is new beside a fault that is fixed, or else what follows from it or from what ended it."""
    changes = [one.change for one in record.checks if one.change is not None]
    new = [one for change in changes for one in change.new if one not in why]
    effects = {one for change in changes for one in change.follows}
    cause = "what was wrong"
    if record.receipt.restarts:
        cause = f"the restart of the {record.receipt.restarts}"
    strange = next((one for one in new if one not in effects), "")
    if strange:
        return strange, ""
    return "", clause(without_reason(next(iter(new), "")), f"{cause}: ")


def refused_after(record: ActionRecord) -> list[str]:
    """Return the used-up limits that still refuse after an action, because their counters kept their counts."""
    changes = [one.change for one in record.checks if one.change is not None]
    return list(dict.fromkeys(one for change in changes for one in change.refused))


def _refused_until(subjects: Sequence[str], until: float | None) -> str:
    """Return until when limits that are used up refuse: ``clinic_b / chat stays refused until 04:12:52, …``."""
    names = f"{subjects[0]}{and_others(subjects, thing='limit')}"
    stays, its = ("stays", "the limit counts") if len(subjects) == 1 else ("stay", "their limits count")
    when = f"{clock(until)}, then {its} from 0" if until is not None else "the window ends"
    return f"{names} {stays} refused until {when}"


def acted_at(record: ActionRecord) -> float:
    """Return the wall-clock seconds at which the action took effect."""
    if record.receipt.ended is None:
        return record.at.wall
    return min(record.receipt.ended, record.at.wall)


def confirmed_at(record: ActionRecord) -> float:
    """Return the wall-clock seconds at which the action was confirmed: what people count from; else its effect."""
    started = record.receipt.started
    return acted_at(record) if started is None else min(started, acted_at(record))
