"""Findings that come and go with each window: raised and cleared by what the recent windows say. Pure.

A finding about one reading or one window would flap when its figure is near the threshold. So the last five windows
decide: as many as a rule's ``raised_in`` raise it, and it is held until at most one was over, or until it is proved to
have ended. Windows in which nothing could be judged are left out: they are neither good nor bad. A finding that is
critical, that rests on many samples, or whose rule needs one window only, is raised at once. Until it is raised, and to
the end of the window in which it was seen, it is a note that says when it will be judged: first signs of trouble.
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from optimus_tui.contract.finding_rules import rule_of
from optimus_tui.contract.findings import PAST, Finding
from optimus_tui.verdicts.alerts import LOUD, Key, key_of, level_of
from optimus_tui.verdicts.statistics import CERTAIN_SAMPLES
from optimus_tui.wording.numbers import clause, clock

WINDOWS = 5
CLEARED = 1
NOT_NOW = "gone for now, "
JUDGED = "judged "
COMES_AND_GOES = "comes and goes, "
"""How the sentence of a held finding begins, the second one if the present window has it, too; after that come the
windows, when it was seen last, then a colon and what was found then."""


class Recent(Struct, frozen=True, kw_only=True):
    """The recent windows of one alert. ``past`` are those that ended and were judged, oldest first: True for over.

    ``began`` is when the present window began, in monotonic seconds; ``over`` and ``judged`` are about it. If a rule
    has no windows, this only records that the finding held: ``continues`` is True if one follows without a break.
    """

    began: float
    finding: Finding
    past: tuple[bool, ...] = ()
    seen: float | None = None
    """Wall-clock seconds at which it was over last; None if not known."""
    over: bool = False
    judged: bool = False
    raised: bool = False
    signs: bool = False
    """It was over in the present window, and was not raised: first signs."""
    continues: bool = False
    """It is what is left of a trouble without windows, such as a counter that never reset: once gone, it is over."""

    @property
    def windows(self) -> tuple[bool, ...]:
        """Return the last five windows that were judged, the present one included."""
        if self.judged:
            return (*self.past, self.over)[-WINDOWS:]
        return self.past


State = Mapping[Key, Recent]
NO_STATE: State = MappingProxyType({})


def steady(
    state: State,
    findings: Iterable[Finding],
    mono: float,
    unjudged: Callable[[Finding], bool],
    wall: float | None = None,
) -> tuple[State, tuple[Finding, ...]]:
    """Return the state after a judgement, and the findings after taking the recent windows into account.

    Args:
        state: the state before.
        findings: the present findings.
        mono: the present on the monotonic clock, in seconds.
        unjudged: returns whether a missing finding could not be judged at all.
        wall: the present in wall-clock seconds, for the time at which first signs are judged; None leaves it out.
    """
    kept: list[Finding] = []
    groups: dict[Key, list[Finding]] = {key: [] for key, recent in state.items() if _has_windows(recent.finding)}
    after: dict[Key, Recent] = {}
    for one in findings:
        if _has_windows(one):
            groups.setdefault(key_of(one), []).append(one)
        else:
            kept.append(one)
            if level_of(one) >= LOUD:
                after[key_of(one)] = Recent(began=mono, finding=one)
    for key, here in groups.items():
        worst = max(here, key=level_of, default=None)
        before = state.get(key)
        if (before is None or not _has_windows(before.finding)) and (worst is None or level_of(worst) < LOUD):
            kept += here
            continue
        recent = _seen(before, worst, mono, unjudged)
        if worst is not None and level_of(worst) >= LOUD:
            recent = replace(recent, seen=wall)
        if recent.raised or any(recent.windows):
            after[key] = recent
        judged_at = None if wall is None else wall + _ends(recent) - mono
        kept += _shown(recent, here, worst, judged_at)
    return after, tuple(kept)


def _seen(before: Recent | None, worst: Finding | None, mono: float, unjudged: Callable[[Finding], bool]) -> Recent:
    """Return the windows with this judgement added."""
    loud = worst is not None and level_of(worst) >= LOUD
    if before is None:
        assert worst is not None
        recent = Recent(began=mono, finding=worst)
    elif not _has_windows(before.finding):
        recent = replace(before, began=mono, continues=True)
    else:
        recent = _rolled(before, mono)
    if worst is not None and loud:
        recent = replace(recent, finding=worst, over=True, judged=True)
    elif worst is not None or not unjudged(recent.finding):
        recent = replace(_without(recent, mono, (worst and worst.proved_seconds) or 0.0), judged=True)
    times = sum(recent.windows)
    if worst is not None and loud:
        certain = worst.severity == "critical" or (worst.samples or 0) >= CERTAIN_SAMPLES
        raised = recent.raised or certain or times >= rule_of(worst.rule).raised_in
    else:
        raised = recent.raised and times > CLEARED and not _has_ended(recent) and not recent.continues
    signs = not raised and (loud or recent.signs)
    return replace(recent, raised=raised, signs=signs, continues=recent.continues and raised)


def _has_windows(finding: Finding) -> bool:
    return rule_of(finding.rule).window_seconds is not None


def _without(recent: Recent, mono: float, seconds: float) -> Recent:
    """Return the record with the windows of the last ``seconds`` set to good, because that is proved."""
    length = rule_of(recent.finding.rule).window_seconds or 1.0
    proved = min(len(recent.past), max(0, int((seconds - (mono - recent.began)) / length)))
    return replace(recent, past=(*recent.past[: len(recent.past) - proved], *(False,) * proved))


def _has_ended(recent: Recent) -> bool:
    """Return True if it was not over in as many whole windows as its rule asks for."""
    whole = rule_of(recent.finding.rule).ended_in
    return whole > 0 and len(recent.past) >= whole and not recent.over and not any(recent.past[-whole:])


def _rolled(recent: Recent, mono: float) -> Recent:
    """Return the record with its present window ended if its time is over. A time without verdicts is not a window."""
    if mono < _ends(recent):
        return recent
    past = recent.past
    if recent.judged:
        past = (*past, recent.over)[-(WINDOWS - 1) :]
    return replace(recent, began=mono, past=past, over=False, judged=False, signs=False)


def _ends(recent: Recent) -> float:
    """Return the monotonic seconds at which the present window ends."""
    return recent.began + (rule_of(recent.finding.rule).window_seconds or 1.0)


def _shown(recent: Recent, here: list[Finding], worst: Finding | None, judged_at: float | None = None) -> list[Finding]:
    """Return what is shown: the finding itself, a note until it is over often enough, or the one that still counts.

    ``judged_at``: the wall-clock seconds from which on first signs are judged; None where it is not to be said.
    """
    windows = recent.windows
    when = clause(clock(judged_at) if judged_at is not None else "", f"{JUDGED}at ") or f"{JUDGED}in the next window"
    seen = f"{_words(windows)}{clause(when, ', ')}" if judged_at is not None else _words(windows)
    if worst is not None and level_of(worst) >= LOUD:
        if not recent.raised:
            return [_as_first_signs(one, seen, when) for one in here]
        here = [_as_judged(one) for one in here]
        if _came_and_went(windows):
            return [replace(one, message=f"{one.message}; {_words(windows)}") for one in here]
        return here
    if recent.signs and not (worst is not None and worst.proved_seconds):
        if here:
            return [replace(one, first_signs=when) for one in here]
        message = _held_words(recent, seen.removeprefix(_words(windows)))
        return [replace(recent.finding, severity="low", held=True, message=message, first_signs=when)]
    if not recent.raised or not recent.judged:
        return here
    return [replace(recent.finding, held=True, message=_held_words(recent))]


def _as_first_signs(finding: Finding, seen: str, when: str) -> Finding:
    """Return a finding as a note that says when it is judged: at the end of the window, or as its verdict says."""
    message = f"{finding.message}; {seen}"
    if finding.first_signs:
        message = f"{finding.message}, or {when.removeprefix(JUDGED)}"
    return replace(finding, severity="low", message=message, first_signs=when)


def _as_judged(finding: Finding) -> Finding:
    """Return a finding without when it will be judged, as it has been."""
    return replace(finding, message=finding.message.removesuffix(clause(finding.first_signs, "; ")), first_signs="")


def _held_words(recent: Recent, judged: str = "") -> str:
    """Return the sentence of what is not there now: it begins with that, because its end may be cut."""
    start = COMES_AND_GOES if recent.over and not all(recent.windows) else NOT_NOW
    last = clause(clock(recent.seen), ", last at ") if recent.seen is not None else ""
    return f"{start}{_words(recent.windows)}{last}{judged}: {recent.finding.message}"


def _came_and_went(windows: tuple[bool, ...]) -> bool:
    """Return True if it was over, then not, then over again."""
    return False in windows[windows.index(True) :]


def _words(windows: tuple[bool, ...]) -> str:
    if len(windows) == 1:
        return "seen in one window so far"
    if windows and all(windows):
        return f"seen in each of the last {len(windows)} windows"
    return f"seen in {sum(windows)} of the last {len(windows)} windows"


def plain_message(finding: Finding) -> str:
    """Return the sentence of what was found, without how often lately, its cause, and what is good again."""
    message = without_windows(finding.message).removeprefix(PAST).removesuffix(finding.evidence)
    return message.removesuffix(clause(finding.ended, "; "))


def without_windows(message: str) -> str:
    """Return the sentence of a held finding without the words about its windows; any other as it is."""
    if not message.startswith((NOT_NOW, COMES_AND_GOES)):
        return message
    return message.partition(": ")[2] or message
