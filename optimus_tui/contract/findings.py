"""Findings, their order, their episodes, and their mutes."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from msgspec import Struct

from optimus_tui.contract.actions import ActionKind
from optimus_tui.contract.reading import T

Severity = Literal["low", "medium", "high", "critical"]
Overall = Literal["healthy", "needs_attention", "critical", "unknown"]

SEVERITIES: tuple[Severity, ...] = ("low", "medium", "high", "critical")
"""Ascending."""
ALARMING: tuple[Severity, ...] = SEVERITIES[SEVERITIES.index("medium") :]
"""The severities that need attention now."""
PAST = "past: "
"""How the message of a finding begins that was true in the window, and by the newest figures is no more."""
NO_ANSWER = "no answer"
"""What is measured of a service that does not answer at all."""
MANY = 5
"""More findings of one rule than this become one that sums them up: a wall of red hides the second cause."""
MANY_COUNTERS = ("several counters", "several tenants")
"""Subjects of findings about limits that stand for many counters or tenants."""


class Finding(Struct, frozen=True, kw_only=True):
    """One judged fact. ``rule`` (a stable dotted id) and ``subject`` (safe text) together identify it."""

    rule: str
    severity: Severity
    subject: str
    message: str
    measured: float | str | None = None
    measured_words: str = ""
    """``measured`` as text where it is an estimate or a bound: ``≈ 320 ms``, ``over 1.0 s``."""
    threshold: float | str | None = None
    unit: str = ""
    samples: int | None = None
    window_seconds: float | None = None
    impact: str = ""
    remedy: str = ""
    since: float | None = None
    """Wall-clock seconds since when it has been active without a break; None where that is not recorded."""
    as_cause: str = ""
    """What is said of it where it is the cause of another: ``559 bulk invalidations of clinic_b began``."""
    caused_by: tuple[str, str] | None = None
    """Rule and subject of the finding that is known to be its cause."""
    evidence: str = ""
    """What ``message`` ends with where the cause was found by the order in time: ``; it fell 16 s after …``."""
    own_remedy: str = ""
    """What to do about it alone, where ``remedy`` is that of its cause; empty elsewhere."""
    below_cause: str = ""
    """``message`` for a list in which it stands below its cause, which then need not be named; "" for the same."""
    held: bool = False
    """True: not over its limit at present, but kept because it was in several of the last five windows."""
    ended: str = ""
    """Of what is told as past: what is good again, with which ``message`` ends; empty elsewhere."""
    first_signs: str = ""
    """Of first signs that are too few to judge: when they will be judged, as ``judged at 10:30:20``; else empty."""
    proved_seconds: float | None = None
    """For how many seconds it has not been so: of what is past, proved by enough requests; of what is not, no
    proof that it has ended, but what was past stays past."""


class Extent(NamedTuple):
    """The extent of a fault as a figure: more is worse.

    Attributes:
        now: The figure: failed requests, a share of misses, a latency.
        at_bar: The same figure just at the threshold.
        is_count: True for a number of requests.
    """

    now: float
    at_bar: float
    is_count: bool = False


def extent_of(finding: Finding) -> Extent | None:
    """Return how much is wrong; None where the finding has no figures.

    A share over its threshold becomes a number of requests where the total is known: a share alone may rise because
    other traffic has fallen.
    """
    measured, threshold = finding.measured, finding.threshold
    if not isinstance(measured, (int, float)) or not isinstance(threshold, (int, float)):
        return None
    if finding.unit != "share":
        return Extent(float(measured), float(threshold))
    if measured < threshold:
        return Extent(1.0 - measured, 1.0 - threshold)
    if finding.samples:
        return Extent(measured * finding.samples, threshold * finding.samples, is_count=True)
    return Extent(float(measured), float(threshold))


class FindingRule(Struct, frozen=True, kw_only=True):
    """The properties that all findings of one rule share."""

    id: str
    title: str
    severity: Severity | None = None
    """None where the verdict weighs it."""
    one: str = ""
    """The sentence: what was measured, and what is wrong with it."""
    many: str = ""
    """The sentence where one finding stands for many subjects."""
    impact: str = ""
    """What it means for users."""
    remedy: str = ""
    """What to do; "" where the source's own advice is shown, or where there is nothing to do."""
    impact_many: str = ""
    """The impact where one finding stands for many subjects; "" where it is the same."""
    remedy_many: str = ""
    measures: str = ""
    """Which figure is measured, of how many (``{samples}``): ``p95 of 31 checks``; "" where the sentence says it."""
    as_cause: str = ""
    """What is said of it where it is the cause of another; "" for its title."""
    as_effect: str = "it began"
    """What happened when it began, where another is its cause: ``it fell``."""
    phrases: Mapping[str, str] = {}
    """Further texts by name: other forms of the sentence, impact and remedy, and optional parts of them."""
    explained_by: str
    """The tool that explains it."""
    issue: str = ""
    """The ``issue_type`` that the tool is asked for; "" where it takes none."""
    of_tenant: bool = False
    """The tool is asked about the tenant that the finding is about."""
    cured_by: ActionKind | None = None
    """The action that is offered for it."""
    also_cured_by: tuple[ActionKind, ...] = ()
    """Further actions that may cure it: after them it is checked again."""
    alert_group: str = ""
    """Rules of one group are one alert for a subject: going from one to the other changes it, and ends nothing."""
    fault: str = ""
    """Rules of one fault: after a remedy, one of them is what is left of another; "" for those of ``alert_group``."""
    window_seconds: float | None = None
    """Length of the windows of which the last five decide whether it is shown; None: every judgement decides alone."""
    raised_in: int = 1
    """In how many of the last five windows it must be over its limit to be more than a low finding."""
    ended_in: int = 0
    """How many whole windows in a row without it prove that it has ended; 0: at most one of the last five had it."""
    points_to: tuple[str, ...] | None = None
    """The issue types of an incident, the likeliest first; None: the usual one, if the finding matters."""
    issue_because: str = ""
    """Why these findings belong to that issue type, where its name does not say it."""
    needs_nothing: bool = False
    """Nothing has to be done about it: it is a remark, or ends by itself."""
    fails_requests: bool = False
    """Requests fail or are refused by it: it comes before what is only slow."""
    limit_state: Literal["immortal", "over", "near", "broken"] | None = None
    """The state of the counters that it judges."""
    is_moment: bool = False
    """It tells what happened at one moment, its ``since``: what happens later is another episode."""
    from_redis: bool = False
    """It judges what was read in Redis: while Redis cannot be read, it is old."""

    @property
    def family(self) -> str:
        """Return the part of the id before its dot, such as ``limits``."""
        return self.id.partition(".")[0]


def overall_of(findings: "tuple[Finding, ...] | list[Finding]", unknown: bool = False) -> Overall:
    """Return the overall status that follows from the worst finding; a held finding counts as high at most.

    ``unknown``: nothing could be measured at all.
    """
    worst = max((SEVERITIES.index(f.severity) - (f.held and f.severity == "critical") for f in findings), default=-1)
    if worst >= 3:
        return "critical"
    if worst >= 1:
        return "needs_attention"
    if unknown:
        return "unknown"
    return "healthy"


NoticeKind = Literal["standing", "appeared", "worsened", "still", "outlasted", "expected", "overdue", "cleared"]
"""``standing``: active at the start. ``still``: a mute ended and the finding is still active. ``outlasted``: its cause
was announced in its place and has ended, and this has not. ``expected``: it follows from what was done here, which is
no alarm; ``overdue``: it holds for longer than that."""


class AlertEpisode(Struct, frozen=True, kw_only=True):
    """One problem from its beginning to its end. ``finding`` is its worst state, ``severity`` the present one.

    ``since`` and ``seen`` (when it was last observed) are wall-clock seconds for people; ``lasted`` is monotonic
    seconds.
    """

    finding: Finding
    severity: Severity
    since: float
    seen: float
    lasted: float = 0.0
    back: int = 0
    """How often it vanished and returned before its hold time was over."""
    end: Literal["", "cleared", "continued"] = ""
    """Empty while it is open; ``continued`` where the same problem continues under another rule, or has come again."""
    blind: bool = False
    """Its source can no longer be read, so it may or may not be active."""


class Mute(Struct, frozen=True, kw_only=True):
    """A mute of exactly one (rule, subject). ``severity`` is the one at the time of muting."""

    rule: str
    subject: str
    reason: str
    severity: Severity
    at: float
    """Wall-clock seconds."""
    until: float | None = None
    """Wall-clock seconds; None: until the finding clears."""


class Notice(Struct, frozen=True, kw_only=True):
    """A message that is shown once. ``rings``: the terminal bell may ring for it.

    ``act``: what was done from here that the finding follows from, or outlasts, in words; empty for none.
    """

    kind: NoticeKind
    finding: Finding
    severity: Severity
    rings: bool = False
    act: str = ""


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings ordered by ``rank``, the worst first; an effect follows its cause."""
    listed = sorted(findings, key=rank, reverse=True)
    return below_causes(listed, lambda one: (one.rule, one.subject), lambda one: one.caused_by)


def alarming(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings that need attention now, the worst first."""
    return [one for one in worst_first(findings) if one.severity in ALARMING]


def causes_of(
    found: T, known: Iterable[T], name: Callable[[T], Hashable], cause: Callable[[T], Hashable | None]
) -> list[T]:
    """Return the cause of a finding, the cause of that cause and so on, as far as known; the nearest first.

    Args:
        found: The effect.
        known: Where causes are looked for.
        name: Returns what identifies a finding.
        cause: Returns what identifies its cause; None for none.
    """
    named: dict[Hashable, T] = {}
    for one in known:
        named.setdefault(name(one), one)
    chain, met = [], {name(found)}
    while (next_name := cause(found)) in named and next_name not in met:
        found = named[next_name]
        met.add(next_name)
        chain.append(found)
    return chain


def below_causes(
    listed: Sequence[T], name: Callable[[T], Hashable], cause: Callable[[T], Hashable | None]
) -> tuple[T, ...]:
    """Return all items in their order, except that the effects of a listed cause follow it directly.

    Args:
        listed: Findings in any form.
        name: Returns what another names as its cause.
        cause: Returns the name of the cause; one that is not listed counts as none.
    """
    known = {name(one) for one in listed}
    effects: dict[Hashable | None, list[T]] = {}
    for one in listed:
        effects.setdefault(_cause_in(known, name(one), cause(one)), []).append(one)
    ordered: list[T] = []
    to_place = effects.pop(None, [])[::-1]
    while to_place or effects:
        if not to_place:  # they name each other as their cause
            to_place = effects.pop(next(iter(effects)))[::-1]
        one = to_place.pop()
        ordered.append(one)
        to_place += effects.pop(name(one), [])[::-1]
    return tuple(ordered)


def _cause_in(known: set[Hashable], own: Hashable, cause: Hashable | None) -> Hashable | None:
    if cause in known and cause != own:
        return cause
    return None


def rank(finding: Finding) -> tuple[bool, bool, int, bool]:
    """Return the sort key of a finding, for descending order: present ones by severity, then held, then low ones.

    Of two of one severity, the one about too few requests for a p95 comes last.
    """
    loud, many = finding.severity != "low", not is_of_few_requests(finding.samples, finding.measured_words)
    return loud, loud and not finding.held, SEVERITIES.index(finding.severity), many


def is_of_few_requests(samples: int | None, measured_words: str) -> bool:
    """Return True for a figure of too few requests for a p95; figures of requests are estimates, in words.

    Args:
        samples: How many requests it is of; None where nothing was counted.
        measured_words: The estimate; empty for a figure of anything else.
    """
    from optimus_tui.contract.percentiles import FEWEST

    return bool(measured_words) and samples is not None and samples < FEWEST


def each_or_one(
    cases: Sequence[T], each: Callable[[T], Finding], together: Callable[[Sequence[T]], Finding]
) -> list[Finding]:
    """Return a finding for each case, or one finding for all if there are more than ``MANY`` cases."""
    if len(cases) <= MANY:
        return [each(case) for case in cases]
    return [together(cases)]


def some_of(names: Sequence[str], shown: int = 2) -> str:
    """Return ``a, b and 35 more``."""
    if len(names) <= shown + 1:
        return ", ".join(names)
    return f"{', '.join(names[:shown])} and {len(names) - shown:,} more"
