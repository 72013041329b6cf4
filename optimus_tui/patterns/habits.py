"""What most routes of a project lack: where nearly all lack it, a single route is not reported for it."""

from collections.abc import Iterable

from optimus_tui.patterns.judge import Verdict
from optimus_tui.patterns.rule import Subject
from optimus_tui.patterns.signs import Detected

_USUAL = 0.5
_LIMITED = "limits.missing"
_ENOUGH = 6
"""Of fewer routes, as of the files of one change, what most of them lack says nothing of the project."""
_HABITS: dict[str, Subject] = {"tenancy.missing": "isolation", "metrics.missing": "metrics"}
"""By rule: what a project lacks where most of what the rule asks for it does not do."""


def lacking_by_use(verdicts: Iterable[Verdict], found: Detected | None = None) -> frozenset[str]:
    """Return what the judged files together lack.

    It is ``isolation`` where less than half of the routes know a tenant, ``metrics`` where less than half of the
    routers count or time their requests. It is ``limiter`` where most of at least six routes have no limit, and
    ``callers`` as well where that was decided for each: not where a library's limiter has a limit for all that nothing
    applies, or is used nowhere. ``found`` is what the project's signs show.
    """
    asked: dict[str, list[int]] = {rule: [0, 0] for rule in (*_HABITS, _LIMITED)}
    for verdict in verdicts:
        for share in verdict.shares:
            if share.rule in asked:
                asked[share.rule][0] += share.applies
                asked[share.rule][1] += share.fails
    unlimited, without = asked.pop(_LIMITED)
    lacks = {_HABITS[rule] for rule, (applies, fails) in asked.items() if applies and fails > applies * _USUAL}
    if unlimited >= _ENOUGH and without > unlimited * _USUAL:
        lacks.add("limiter")
        if found is None or not found.limits_nobody:
            lacks.add("callers")
    return frozenset(lacks)
