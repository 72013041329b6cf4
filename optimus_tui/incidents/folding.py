"""Leave out of a step's evidence what the operator has read before, in it or in an earlier step. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec.structs import replace

from optimus_tui.contract.incident import IncidentState, Step
from optimus_tui.tools.pages.sections import Fact, Section
from optimus_tui.wording.numbers import plural
from optimus_tui.wording.safe import safe_sentence

LONG = 40
"""Characters from which on a sentence is worth folding."""
_NAMES = re.compile(r"\S*/\S*")
"""Routes and counters: two impacts that differ in these only say the same."""


def findings_before(state: IncidentState, step: Step) -> dict[str, str]:
    """Return the messages of the findings of earlier steps, with the step that has them: ``step 2``."""
    found: dict[str, str] = {}
    for number, other in enumerate(state.steps, 1):
        if other is step:
            break
        if other.outcome is not None:
            for one in other.outcome.findings:
                found.setdefault(_words(safe_sentence(one.message)), f"step {number}")
    return found


def fold(parts: Iterable[Section], before: Mapping[str, str]) -> list[Section]:
    """Return the sections without repetition.

    Args:
        parts: The evidence of one step, in reading order.
        before: Sentences that earlier steps have, with where they stand.
    """
    seen: dict[str, str] = {}
    made = []
    for part in parts:
        if part.kind == "findings":
            lines = [*_without_known(part.lines, before)]
        else:
            lines = [*_once(_counted(part.lines), part.title, seen)]
        folded = replace(part, lines=tuple(lines))
        if folded.lines or folded.rows:
            made.append(folded)
    return made


def _words(text: str) -> str:
    return " ".join(text.split())


def _once(lines: Iterable[Fact], title: str, seen: dict[str, str]) -> Iterator[Fact]:
    """Yield the lines; a sentence that stands above is replaced by where it stands."""
    for line in lines:
        if line.in_headline:
            continue
        words = _words(line.text)
        if len(words) >= LONG and words in seen:
            yield replace(line, text=f"the same as under {seen[words]}, above", severity_style="quiet")
            continue
        if len(words) >= LONG:
            seen[words] = title.partition("   ")[0] or line.label
        yield line


def _counted(lines: Sequence[Fact]) -> list[Fact]:
    """Return the lines with equal neighbours as one, and how often it came: ``(×14)``."""
    made: list[Fact] = []
    times: list[int] = []
    for line in lines:
        if made and (made[-1].text, made[-1].label) == (line.text, line.label):
            times[-1] += 1
            continue
        made.append(line)
        times.append(1)
    return [
        line if count == 1 else replace(line, text=f"{line.text} (×{count})")
        for line, count in zip(made, times, strict=True)
    ]


def _items(lines: Sequence[Fact]) -> list[list[Fact]]:
    items: list[list[Fact]] = []
    for line in lines:
        if line.starts_item or not items:
            items.append([])
        items[-1].append(line)
    return items


def _without_known(lines: Sequence[Fact], before: Mapping[str, str]) -> Iterator[Fact]:
    """Yield the findings that are new here; the others are counted. An impact is said once for findings of a kind."""
    known: dict[str, int] = {}
    impacts: set[str] = set()
    for item in _items(lines):
        place = before.get(_words(item[0].text)) if item[0].starts_item else None
        if place is not None:
            known[place] = known.get(place, 0) + 1
            continue
        yield item[0]
        for line in item[1:]:
            kind = _NAMES.sub("…", _words(line.text))
            if len(kind) >= LONG and kind in impacts:
                continue
            impacts.add(kind)
            yield line
    for place, count in known.items():
        yield Fact(f"{plural(count, 'finding is', 'findings are')} the same as in {place}", severity_style="quiet")
