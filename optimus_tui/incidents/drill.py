"""A drill's result as a page of Markdown. Every name and note in it is escaped."""

import math

from optimus_tui.contract.incident import DrillResult
from optimus_tui.incidents.postmortem import escaped
from optimus_tui.wording.numbers import NOTHING, age, clause, clock

NOT_REAL = "This is a drill: the fault was injected on purpose, in the demo."
COUNTS = "cause and remedy count from what you chose or did; reading them on the screen leaves no mark"
"""What the clock of a drill cannot see, said where its times are."""
MEANS = {
    "injected": "Fault injected",
    "shown": "First shown",
    "opened": "Incident opened",
    "identified": "Identified",
    "acted": "Acted",
    "gone": "Alarm gone",
    "proved": "Proved by a check",
    "closed": "Incident closed",
}
"""The name of each mark on the page."""


def spans(result: DrillResult) -> tuple[tuple[str, float | None], ...]:
    """Return each span of a drill with its name, the shortest first; spans that were not reached come last."""
    acknowledge, resolve = "acknowledge (MTTA)", "resolve (MTTR)"
    if result.proof is not None:
        resolve = "resolve (MTTR): proved"
    elif result.resolve is not None:
        resolve = "resolve (MTTR): alarm gone"
    found = (
        ("alarm", result.detect),
        (acknowledge, result.acknowledge),
        ("cause", result.cause),
        ("remedy", result.remedy),
        ("proof", result.proof),
        (resolve, result.resolve),
    )
    return tuple(sorted(found, key=lambda one: math.inf if one[1] is None else one[1]))


def stopwatch(seconds: float | None) -> str:
    """Return seconds in the usual form of a duration; ``–`` for None."""
    if seconds is None:
        return NOTHING
    return age(seconds)


def summary(result: DrillResult) -> str:
    """Return one line for the timeline, with the times as the result shows them."""
    reached = (
        ("detected", result.detect),
        ("acknowledged", result.acknowledge),
        ("identified", result.cause),
        ("remedied", result.remedy),
        ("proved", result.proof),
        ("resolved", result.resolve),
    )
    results = ", ".join(_reached(word, span) for word, span in reached)
    return f"End of the drill ({result.ended}). Injected was {result.scenario}: {results}."


def _reached(word: str, seconds: float | None) -> str:
    if seconds is None:
        return f"not {word}"
    return f"{word} after {stopwatch(seconds)}"


def page(result: DrillResult, wall: float) -> str:
    """Return the whole result as Markdown. ``wall``: the time of writing, in seconds."""
    lines = [f"# Drill: {escaped(result.scenario)}, {escaped(result.ended)}", "", NOT_REAL, ""]
    lines += [f"Injected: {escaped(result.says)}", "", f"The cure: {escaped(result.cure)}", ""]
    lines += ["| Mark | After | What was seen |", "|---|---|---|"]
    lines += [f"| {MEANS[one.name]} | {stopwatch(one.seconds)} | {escaped(one.words)} |" for one in result.marks]
    lines += ["", *(f"- Time to {name}: {stopwatch(span)}" for name, span in spans(result))]
    lines += [f"- Counts: {COUNTS}", "", "## Missed", ""]
    lines += [f"- {escaped(one)}" for one in result.missed] or ["Nothing."]
    place = clause(escaped(result.incident), " Incident ", ".")
    return "\n".join([*lines, "", f"Written {clock(wall, dated=True)} UTC.{place}", ""])
