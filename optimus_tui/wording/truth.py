"""The truth line, which says how far a reading can be trusted (age, gaps, faults), and the mark of each state."""

import math
from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from optimus_tui.contract.finding_causes import EFFECT_SECONDS, FILLING_SECONDS, RESTART, effects_of_restart
from optimus_tui.contract.finding_rules import BREAKER_OPEN, CACHE_HIT_RATE, ERRORS_RATE, LATENCY_COLD_START
from optimus_tui.contract.findings import Overall, Severity
from optimus_tui.contract.keyspace import LimitRow, LimitState
from optimus_tui.contract.reading import Coverage, Fault, FaultKind, Reading
from optimus_tui.contract.services import Status
from optimus_tui.wording.numbers import age, clause, clock, compact, until
from optimus_tui.wording.safe import safe_text

FIXED = "fixed at "
"""How the words about a finding begin that a proof has settled."""
REPAIRED = "repaired; "
"""How the words about a limit begin that refuses only until the window ends that a repair has given back."""
SIDE_EFFECT = "side effect of "
"""How the words about a finding begin that follows from what was done here."""
OLD_FIGURES = "some of its figures are from before "
"""How the words about a finding begin that is only there because its figures reach back before a remedy."""
NO_FEED = "The profile names no feed of events"
"""Said instead of a link's state, because there is no link that could be up or down."""
FIND_OUT = ":dialect does it here, step by step."
"""Said in an empty pane whose names another profile may read."""
STILL_TODAY_SECONDS = 12 * 3600.0
BRIEF_FAULTS: dict[FaultKind, str] = {
    "refused": "no connection",
    "timeout": "no answer in time",
    "auth": "login refused",
    "denied": "not allowed",
    "loading": "loading",
    "busy": "busy",
    "role": "wrong role",
    "invalid": "odd answer",
    "tls": "TLS error",
    "starved": "no CPU for this program",
    "bug": "our own bug",
}
"""What failed, in a word or two, for lines that also need room for age and retry."""


def coverage_words(coverage: Coverage | None) -> str:
    """Return ``scanned 41k of 184k`` or ``scanned 1,247, complete``; "" for None.

    With the reason if the scan was cut short, with its pace while it runs: ``scanned 41k of 184k, 70k/s, 2.0 s left``.
    """
    if coverage is None:
        return ""
    scanned = f"scanned {compact(coverage.scanned)}"
    if coverage.complete:
        return f"{scanned}, complete"
    if coverage.total is not None:
        scanned += f" of {compact(max(coverage.total, coverage.scanned))}"
    elif not coverage.reason:
        return f"{scanned}, incomplete"
    if coverage.reason:
        return f"{scanned}, incomplete: {coverage.reason}"
    if coverage.seconds_left is not None:
        return f"{scanned}, {compact(int(coverage.per_second or 0))}/s, {age(coverage.seconds_left)} left"
    return scanned


def fault_words(fault: Fault | None, source: str, retry_in: float | None = None) -> tuple[str, ...]:
    """Return ``("redis: connection refused", "retry in 3 s")``; the source is named once. Empty without a fault."""
    if fault is None:
        return ()
    if fault.message.lower().startswith(source.lower()):
        sentence = fault.message
    else:
        sentence = f"{source}: {fault.message}"
    if retry_in is None:
        return (sentence,)
    if retry_in <= 0:
        return (sentence, "retrying")
    return (sentence, f"retry in {until(retry_in)}")


def counted_down(retry_in: float | None, passed: float) -> float | None:
    """Return ``retry_in`` minus ``passed`` seconds, at least 0; None stays None."""
    if retry_in is None:
        return None
    return max(0.0, retry_in - passed)


def outage_forms(start: str, fault: Fault | None, source: str, where: str, retry_in: float | None) -> list[str]:
    """Return wordings of a failure, the longest first.

    All but the first begin with ``start`` (how old, since when) and end with the time of the next attempt. Only the
    part between is shortened; ``where`` (the address) is dropped first.
    """
    if fault is None:
        return [start]
    sentence, *retry = fault_words(fault, source, retry_in)
    near = sentence
    for place in (f"{where}: ", f" from {where}", f" at {where}", f" to {where}"):
        near = near.replace(place, "")
    near = near.replace(where, "the server")
    brief = BRIEF_FAULTS[fault.kind]
    middles = [sentence, near, near.removeprefix(f"{source}: "), f"{source}: {brief}", brief, ""]
    return [" · ".join(part for part in (start, middle, *retry) if part) for middle in middles]


def truth_line(
    reading: Reading[object] | None, mono: float, *, source: str, counted: str = "", target: str = ""
) -> str:
    """Return a line such as ``as of 10:30:07 (0.8 s) · scanned 41k of 184k · redis ok``, with fault and next retry.

    Args:
        reading: the reading; None before the first answer.
        mono: the present on the monotonic clock, in seconds.
        source: the name of what was read.
        counted: replaces the words about coverage (``48 counters, complete``).
        target: the address that is being connected to, before the first answer.
    """
    if reading is None:
        return f"connecting to {source}{clause(target, ' at ')} …"
    parts: list[str] = []
    if reading.value is not None:
        past = mono - reading.taken_mono
        parts.append(f"as of {clock(reading.taken_at, dated=past > STILL_TODAY_SECONDS)} ({age(past)})")
        parts.append(counted or coverage_words(reading.coverage))
    else:
        parts.append("no data yet")
    parts += fault_words(reading.fault, source, reading.retry_in) or (reading.source or f"{source} ok",)
    return " · ".join(part for part in parts if part)


def fault_lines(fault: Fault | None, otherwise: str) -> list[str]:
    """Return what failed and what to do about it, a line each; ``otherwise`` if nothing failed."""
    if fault is None:
        return [otherwise]
    return [line for line in (fault.message, fault.remedy) if line]


SeverityStyle = Literal["critical", "warning", "ok", "quiet", ""]
"""How serious something reads; "" for what is neither good nor bad. Each surface has a colour for it."""


class StateGlyph(Struct, frozen=True):
    """A glyph, one cell wide, with a ``word`` of the same meaning, and its severity style."""

    glyph: str
    word: str
    severity_style: SeverityStyle

    @property
    def text(self) -> str:
        """Return glyph and word: ``✖ CRIT``."""
        return f"{self.glyph} {self.word}"


SEVERITY_MARKS: dict[Severity, StateGlyph] = {
    "critical": StateGlyph("✖", "CRIT", "critical"),
    "high": StateGlyph("▲", "HIGH", "warning"),
    "medium": StateGlyph("▲", "MED", "warning"),
    "low": StateGlyph("△", "low", "quiet"),
}
"""The one scale of severities: each word is its name in documents and filters, or the beginning of it. Their order is
``SEVERITIES``, their colours are those of the severity style (``tui.theme`` on the screen)."""
SEVERITY_WORDS: dict[str, StateGlyph] = {
    **dict(SEVERITY_MARKS.items()),
    "warning": SEVERITY_MARKS["medium"],
    "info": SEVERITY_MARKS["low"],
}
"""The mark of each word that documents have for a severity or a priority."""

OVERALL_MARKS: dict[Overall, StateGlyph] = {
    "critical": StateGlyph("✖", "CRITICAL", "critical"),
    "needs_attention": StateGlyph("▲", "NEEDS ATTENTION", "warning"),
    "healthy": StateGlyph("●", "HEALTHY", "ok"),
    "unknown": StateGlyph("○", "UNKNOWN", "quiet"),
}


_YOUR_RESTART = "your restart of the "


def act_words(kind: str, subject: str) -> str:
    """Return what was done from here: ``your restart of the engine``, ``your clearing of clinic_a's cache``."""
    if kind == RESTART:
        return f"{_YOUR_RESTART}{safe_text(subject, 40)}"
    return f"your clearing of the cache of {safe_text(subject, 60)}"


_ENDS_BY_ITSELF = {
    "cache": "cached answers come back by themselves",
    "breaker": "it closes by itself",
    "errors": "no more come",
    "latency": "it gets quick again by itself",
}
"""How the side effects of an act end, by the family of their rules."""


_LOST_WRITES = "a write that got no answer drops cached answers"
_AFTER_RESTART = {
    CACHE_HIT_RATE: f"the hit rate falls ({_LOST_WRITES})",
    ERRORS_RATE: "requests fail",
    BREAKER_OPEN: "its circuit may open",
}
"""What is seen after the restart of a service, by the rule of the finding."""


def restart_words(service: str) -> str:
    """Return what follows from a restart of a service, and for how long that is not an alarm; empty if unknown."""
    seen = [_AFTER_RESTART[rule] for rule in effects_of_restart(service, _AFTER_RESTART)]
    if not seen:
        return ""
    lasting = f"{age(EFFECT_SECONDS)} to {age(FILLING_SECONDS)}"
    return f"Side effects for {lasting} raise no alarm: {', '.join(seen)}."


_CUMULATIVE = "latency"
"""The family whose figures may show the fault of before an act as late as after it."""


def side_effect_words(rule: str, act: str, at: float, until: float, *, reaches_back: bool) -> str:
    """Return why nothing has to be done about the side effect of an act, and until when to wait.

    Latencies of a window that began before the act may be those of before: they are not blamed on it. Failures
    that were found only after it are.

    Args:
        rule: The rule of the finding.
        act: What was done, as ``act_words`` says it.
        at: When it was confirmed, in wall-clock seconds: what people count from.
        until: From when on the act no longer explains the finding.
        reaches_back: True if the finding's figures begin before the act took effect.
    """
    if reaches_back and rule.startswith(_CUMULATIVE):
        return f"{OLD_FIGURES}{act} at {clock(at)}"
    ends = _ENDS_BY_ITSELF.get(rule.partition(".")[0], "it ends by itself")
    return f"{SIDE_EFFECT}{act} at {clock(at)}; {ends}: wait until {clock(math.ceil(until))}"


def without_reason(message: str) -> str:
    """Return a finding's sentence without what was added of it as the side effect of an act."""
    return message.partition(f"; {SIDE_EFFECT}")[0].partition(f"; {OLD_FIGURES}")[0]


def why_it_follows(rule: str, words: str) -> str:
    """Return why a finding is a side effect, as ``side_effect_words`` calls it; empty where that needs no reason."""
    if rule == CACHE_HIT_RATE and words.startswith(f"{SIDE_EFFECT}{_YOUR_RESTART}"):
        return _LOST_WRITES
    return ""


_WARMING_UP = StateGlyph("○", "WARMING UP", "quiet")
WATCHING = StateGlyph("○", "WATCHING", "quiet")
"""First signs of trouble were seen that are too few to judge."""
SETTLING = StateGlyph("○", "SETTLING", "quiet")
"""All that needs attention follows from what was done here, or is proved fixed with figures that reach back."""


def no_match_lines(total: str, filter_text: str) -> list[str]:
    """Return the lines for a list whose rows are all filtered out; ``total`` is their number, as ``3 counters``."""
    return [f"0 of {total} match / {safe_text(filter_text, 80)}", "esc removes the filter."]


def verdict_mark(overall: Overall, rules: Iterable[str], *, first_signs: bool = False) -> StateGlyph:
    """Return the mark of a verdict.

    A system that would be healthy is "watching" while first signs of trouble are too few to judge, and "warming up"
    while one of its processes is, because the latencies and the hit rate of a cold start are not judged yet.

    Args:
        overall: The verdict.
        rules: The rules of the findings that it follows from.
        first_signs: Whether one of these findings is not judged yet.
    """
    if overall != "healthy":
        return OVERALL_MARKS[overall]
    if first_signs:
        return WATCHING
    if LATENCY_COLD_START in rules:
        return _WARMING_UP
    return OVERALL_MARKS[overall]


def rate_span(source: str) -> str:
    """Return the time that a hit rate covers, in short.

    ``21 s``, ``lifetime``, ``span ?``; empty if its source has none.

    Args:
        source: The source of the rate, such as ``gateway, last 21 s``.
    """
    span = safe_text(source, 60).partition(", ")[2]
    return {"since its start": "lifetime", "over an unknown time": "span ?"}.get(span, span.removeprefix("last "))


STATUS_MARKS: dict[Status, StateGlyph] = {
    "healthy": StateGlyph("●", "healthy", "ok"),
    "connected": StateGlyph("●", "connected", "ok"),
    "unhealthy": StateGlyph("✖", "unhealthy", "critical"),
    "error": StateGlyph("✖", "error", "critical"),
    "disconnected": StateGlyph("✖", "disconnected", "critical"),
    "not configured": StateGlyph("○", "not configured", "quiet"),
    "unknown": StateGlyph("○", "unknown", "quiet"),
}

LIMIT_MARKS: dict[LimitState, StateGlyph] = {
    "immortal": StateGlyph("✖", "never resets", "critical"),
    "over": StateGlyph("▲", "over", "warning"),
    "near": StateGlyph("▲", "near", "warning"),
    "ok": StateGlyph(" ", "ok", "ok"),
    "unknown limit": StateGlyph("○", "unknown limit", "quiet"),
    "unknown": StateGlyph("?", "unknown", "quiet"),
    "broken": StateGlyph("✖", "broken", "quiet"),
}


def limit_mark(row: LimitRow) -> StateGlyph:
    """Return the mark of a counter's state, with the word that says whether requests are known to be refused."""
    mark = LIMIT_MARKS[row.state]
    if row.state != "over":
        return mark
    return StateGlyph(mark.glyph, row.word, mark.severity_style)
