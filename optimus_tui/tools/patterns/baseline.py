"""The baseline: findings that are known and need not be fixed yet. It changes only when it is written again.

A finding is known by its file, its rule and the text of its line, so it stays known when lines move. One finding for
several routes is known if all of them are: a new route with the same fault is new.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence

import msgspec

from optimus_tui.contract.tools.patterns import PatternIssue

FORMAT = 1


class Baseline(msgspec.Struct, forbid_unknown_fields=True):
    """How many findings of each fingerprint are known. Its file is text, so that a review shows what is added."""

    format: int
    known: dict[str, int]


def fingerprint(issue: PatternIssue) -> str:
    """Return ``src/backend/routers/x.py caching.missing 0123456789ab``."""
    return _mark(issue, issue.source)


def _mark(issue: PatternIssue, source: str) -> str:
    line = " ".join(source.split())
    return f"{issue.file} {issue.rule} {hashlib.sha256(line.encode()).hexdigest()[:12]}"


def _marks(issue: PatternIssue) -> Counter[str]:
    return Counter(_mark(issue, source) for source in (issue.source, *issue.also))


def made_of(issues: Sequence[PatternIssue]) -> bytes:
    """Return the content of the file: one finding a line, sorted."""
    known = dict(sorted(Counter(mark for one in issues for mark in _marks(one).elements()).items()))
    return msgspec.json.format(msgspec.json.encode(Baseline(FORMAT, known)), indent=2) + b"\n"


def parsed(data: bytes) -> Baseline:
    """Return the baseline, or raise ValueError with one sentence."""
    try:
        found = msgspec.json.decode(data, type=Baseline)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"it is no baseline: {error}") from None
    if found.format != FORMAT:
        raise ValueError(f"it has format {found.format}; this version reads {FORMAT}")
    return found


def split(issues: Sequence[PatternIssue], known: Baseline) -> tuple[list[PatternIssue], int, int]:
    """Return (new findings, number of known ones, number of known ones that are gone)."""
    left = Counter(known.known)
    new: list[PatternIssue] = []
    for one in issues:
        marks = _marks(one)
        if not marks <= left:
            new.append(one)
        left -= marks
    return new, len(issues) - len(new), left.total()
