"""The charts of a post-mortem: which series, their thresholds, and what happened meanwhile."""

import math
from collections.abc import Iterator, Mapping, Sequence
from string import ascii_lowercase

from optimus_tui.contract.finding_rules import CACHE_HIT_RATE
from optimus_tui.contract.incident import IncidentState
from optimus_tui.wording.layout import CHARTS, Chart, Moment, Samples, chart


def moments_of(state: IncidentState) -> list[Moment]:
    """Return the moments that charts mark: the beginning, the actions, the proof and the end, each with a letter."""
    found = [(state.began, "the fault began")]
    found += [
        (record.receipt.ended or record.at.wall, record.receipt.words or record.receipt.kind)
        for record in state.action_records
    ]
    found += [
        (None if stamp is None else stamp.wall, words)
        for stamp, words in (
            (state.opened, "the incident was opened"),
            (state.repaired, "a check proved that the fault was gone"),
            (state.closed, "the incident was closed"),
        )
    ]
    known = sorted((at, words) for at, words in found if at is not None and math.isfinite(at))
    return [Moment(at, letter, words) for letter, (at, words) in zip(ascii_lowercase, known, strict=False)]


def charts_of(state: IncidentState, history: Mapping[str, Samples], moments: Sequence[Moment]) -> Iterator[Chart]:
    """Yield a chart of each series that was kept, with its threshold and what is marked."""
    limits = {"latency.gateway": state.slow_ms, "latency.engine": state.slow_ms}
    least = [
        float(one.threshold)
        for step in state.steps
        for outcome in (step.outcome, step.worst)
        if outcome is not None
        for one in outcome.findings
        if one.rule == CACHE_HIT_RATE and isinstance(one.threshold, int | float)
    ]
    if least:
        limits["hit_rate.gateway"] = max(least)
    for name in CHARTS:
        found = chart(name, history.get(name, ()), moments, limits.get(name), over=name != "hit_rate.gateway")
        if found is not None:
            yield found
