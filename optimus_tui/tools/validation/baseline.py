"""The baseline: known findings, so that only new ones count.

A finding is known by its file, its rule, the function that holds it and a digest of its code. If no exact match exists,
it may have moved to another file, its function may have been renamed, or the rest of the function edited. Each known
finding excuses one finding, the closest match first.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from optimus_tui.contract.tools.compliance import PatternIssue, PatternPlace
from optimus_tui.patterns.judge import in_one
from optimus_tui.patterns.places import is_whole

FORMAT = 2
_OF_LINES = 1
"""The format before: it knows findings by the text of their lines."""


class Baseline(msgspec.Struct, forbid_unknown_fields=True):
    """The number of known findings of each fingerprint. It is stored as text, so that a review shows what is added."""

    format: int
    known: dict[str, int]


class _Mark(NamedTuple):
    """The features by which a known finding is recognised."""

    file: str
    rule: str
    symbol: str
    code: str

    def __str__(self) -> str:
        return f"{self.file} {self.rule} {self.symbol or '-'} {self.code}"


class _Spot(NamedTuple):
    """One place of a finding; a finding of all routes has one for each."""

    issue: int
    place: int
    mark: _Mark
    of_line: str


def _spots(issues: Sequence[PatternIssue]) -> Iterator[_Spot]:
    for number, issue in enumerate(issues):
        places: tuple[PatternIssue | PatternPlace, ...] = (issue, *issue.also)
        for place, one in enumerate(places):
            digest = hashlib.sha256(" ".join(one.source.split()).encode()).hexdigest()[:12]
            mark = _Mark(issue.file, issue.rule, one.symbol.replace(" ", "_"), one.code or digest)
            yield _Spot(number, place, mark, f"{issue.file} {issue.rule} {digest}")


def fingerprints(issues: Sequence[PatternIssue]) -> list[str]:
    """Return a fingerprint of each finding. All are unique, because repeated ones get a number."""
    seen: Counter[str] = Counter()
    found: list[str] = []
    for spot in _spots(issues):
        if spot.place == 0:
            name = str(spot.mark)
            seen[name] += 1
            found.append(f"{name}:{seen[name]}")
    return found


def made_of(issues: Sequence[PatternIssue]) -> bytes:
    """Return the text of a baseline file: each distinct finding with its count, sorted."""
    known = dict(sorted(Counter(str(spot.mark) for spot in _spots(issues)).items()))
    return msgspec.json.format(msgspec.json.encode(Baseline(FORMAT, known)), indent=2) + b"\n"


def parsed(data: bytes) -> Baseline:
    """Return the baseline in a file's text, or raise ValueError with one sentence."""
    try:
        found = msgspec.json.decode(data, type=Baseline)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"it is not a baseline: {error}") from None
    if found.format not in (FORMAT, _OF_LINES):
        raise ValueError(f"it has format {found.format}; this version reads {FORMAT} and {_OF_LINES}")
    fields = _fields(found.format)
    for name in found.known:
        if len(name.rsplit(" ", fields - 1)) != fields:
            raise ValueError(f"it is not a baseline: {len(name.split(' '))} words where {fields} are expected")
    return found


def split(
    issues: Sequence[PatternIssue], known: Baseline, judged: Collection[str], exists: Callable[[str], bool]
) -> tuple[list[PatternIssue], int, int]:
    """Return (new findings, number of known ones, number of known ones that are gone).

    If a finding covers several routes and some are known, it is reported at the first new one, with the other new ones.
    Known findings of a file that exists but was not judged this time match nothing, and do not count as gone.

    Args:
        issues: The findings.
        known: The baseline.
        judged: The files that were judged, as the findings name them.
        exists: Returns whether there is a file of this name; one that is gone may have been moved.
    """
    spots = list(_spots(issues))
    left = Counter({name: count for name, count in known.known.items() if _is_open(name, known, judged, exists)})
    if known.format == _OF_LINES:
        excused = [spot for spot in spots if _take(left, spot.of_line)]
    else:
        excused = _matched(spots, left, set(judged))
    of_issue: dict[int, set[int]] = {}
    for spot in excused:
        of_issue.setdefault(spot.issue, set()).add(spot.place)
    new = [one for number, issue in enumerate(issues) if (one := _rest(issue, of_issue.get(number, set()))) is not None]
    return new, len(issues) - len(new), left.total()


def _is_open(name: str, known: Baseline, judged: Collection[str], exists: Callable[[str], bool]) -> bool:
    file = name.rsplit(" ", _fields(known.format) - 1)[0]
    return file in judged or not exists(file)


def _fields(form: int) -> int:
    if form == _OF_LINES:
        return 3
    return 4


def _take(left: Counter[str], name: str) -> bool:
    if left[name] <= 0:
        return False
    left[name] -= 1
    return True


def _matched(spots: list[_Spot], known: Counter[str], files: set[str]) -> list[_Spot]:
    """Return the spots that known findings excuse, the closest ones first, and take these from ``known``."""
    marks = {name: _parsed_mark(name) for name in known}
    excused: list[_Spot] = []

    def moved(mark: _Mark) -> Hashable:
        if mark.symbol and is_whole(mark.code):
            return (mark.rule, mark.symbol)
        return None

    passes: tuple[tuple[Callable[[_Mark], Hashable], bool], ...] = (
        (lambda mark: mark, False),
        (lambda mark: mark[:3] if is_whole(mark.code) else None, False),  # its function was edited
        (lambda mark: mark[1:], False),  # its file has another name
        (lambda mark: (mark.file, mark.rule, mark.code), False),  # its function has another name
        (lambda mark: mark[1::2], True),  # both have
        (moved, True),  # its file has another name, and its function was edited
    )
    for key_of, only_gone in passes:
        offered: dict[Hashable, list[str]] = {}
        for name, mark in marks.items():
            if known[name] > 0 and not (only_gone and mark.file in files) and (key := key_of(mark)) is not None:
                offered.setdefault(key, []).append(name)
        rest = []
        for spot in spots:
            key = key_of(spot.mark)
            names = offered.get(key, []) if key is not None else []
            if any(_take(known, name) for name in names):
                excused.append(spot)
            else:
                rest.append(spot)
        spots = rest
    return excused


def _parsed_mark(name: str) -> _Mark:
    file, rule, symbol, code = name.rsplit(" ", 3)
    return _Mark(file, rule, symbol if symbol != "-" else "", code)


def _rest(issue: PatternIssue, excused: Collection[int]) -> PatternIssue | None:
    """Return what of a finding is new: at its first new place, with the other new ones; None where nothing is."""
    if not excused:
        return issue
    places: tuple[PatternIssue | PatternPlace, ...] = (issue, *issue.also)
    new = [place for number, place in enumerate(places) if number not in excused]
    if not new:
        return None
    first, *others = new
    also = tuple(one for one in others if isinstance(one, PatternPlace))
    return msgspec.structs.replace(
        issue, line=first.line, column=first.column, issue=_alone(first, also), source=first.source,
        route=first.route, symbol=first.symbol, code=first.code, also=also,
    )  # fmt: skip


def _alone(first: PatternIssue | PatternPlace, also: Sequence[PatternPlace]) -> str:
    """Return the sentence about the first place, with the names of the others."""
    plain = first.issue
    if isinstance(first, PatternIssue) and first.also:
        plain = plain.removesuffix(in_one("", [one.route for one in first.also]))
    return in_one(plain, [one.route for one in also])
