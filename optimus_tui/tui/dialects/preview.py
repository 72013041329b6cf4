"""What the panes would show under a profile, as lines: counters, kinds of cache keys, names that no rule matches."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from optimus_tui.tools.dialects.trial import KindKeys, Trial
from optimus_tui.tui.panes.limits.table import TABLE, LimitNow
from optimus_tui.tui.theme import Piece
from optimus_tui.tui.widgets.cells import Column, Table, fit_count, fit_name, wrap
from optimus_tui.tui.widgets.row_table import fitted_to
from optimus_tui.wording.numbers import part_of, plural
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.dialects.model import Dialect

Line = list[Piece]
COUNTERS = TABLE.without("slope", "refused", "expected", "past")
"""The columns of the pane that one look can fill: the others need several."""
KINDS = Table[KindKeys](
    Column("kind", "kind of cache key", 20, lambda one, cells: (fit_name(safe_text(one.kind), cells), "bright"),
           grow=1, most=40, measured=True),
    Column("keys", "keys", 8, lambda one, cells: (fit_count(one.keys, cells), ""), "right", measured=True),
    Column("tenants", "tenants", 8, lambda one, cells: (fit_count(one.tenants or None, cells), "quiet"), "right",
           measured=True),
    gap=2,
)  # fmt: skip


def sentence(text: str, width: int, style: str = "") -> Iterator[Line]:
    """Yield a sentence in lines of at most ``width`` cells."""
    yield from ([(part, style)] for part in wrap(text, max(20, width)))


def preview_lines(profile: "Dialect", trial: Trial, mono: float, width: int) -> list[Line]:
    """Return what the panes would show.

    Args:
        profile: the profile that was tried.
        trial: what it makes of the names.
        mono: the monotonic second for which counters are drawn.
        width: cells of a line.
    """
    read = trial.counts.get("limit", 0), trial.counts.get("cache", 0)
    names = part_of(len(trial.sample.names), trial.sample.total or len(trial.sample.names), "name")
    what = f"{plural(read[0], 'counter')} and {plural(read[1], 'cache key')} of {names}"
    lines = list(sentence(f"The panes would show {what}.", width, "bright"))
    for fault in filter(None, (trial.sample.fault, trial.fault)):
        lines += sentence(f"▲ {fault.message}", width, "warn")
    for note in profile.notes:
        lines += sentence(f"▲ {safe_text(note, 300)}", width, "warn")
    lines += _counters(trial, mono, width)
    if trial.kinds:
        table = fitted_to(KINDS, trial.kinds)
        lines += [[], table.head(width), *(table.row(one, width) for one in trial.kinds)]
    if trial.unmatched:
        shapes = ", ".join(f"{one.count:,} × `{safe_text(one.text, 60)}`" for one in trial.unmatched)
        lines += [[], *sentence(f"No rule matches {plural(trial.unmatched_count, 'name')}: {shapes}.", width, "quiet")]
    doubts = dict.fromkeys(one.parsed.doubt for one in trial.names if one.parsed.doubt)
    for doubt in doubts:
        lines += sentence(f"Not certain: {safe_text(doubt, 300)}.", width, "warn")
    return lines


def _counters(trial: Trial, mono: float, width: int) -> Iterator[Line]:
    rows: Sequence[LimitNow] = [LimitNow(one.row, mono) for one in trial.names if one.row is not None]
    gone = sum(one.parsed.family == "limit" for one in trial.names) - len(rows)
    if rows:
        table = fitted_to(COUNTERS, rows)
        yield from ([], table.head(width), *(table.row(one, width) for one in rows))
    more = trial.counts.get("limit", 0) - len(rows) - gone
    if more:
        yield from sentence(f"and {plural(more, 'more counter')}", width, "quiet")
    if gone and trial.fault is None:
        yield from sentence(f"{plural(gone, 'counter')} of past windows, which the pane leaves out", width, "quiet")
