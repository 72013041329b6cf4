"""Columns that are fitted to their rows: what is short gives its room to what is cut, and titles stay whole."""

import pytest

from optimus_tui.tui.panes.cache.lines import FILTERED
from optimus_tui.tui.panes.cache.lines import TABLE as CACHE
from optimus_tui.tui.panes.feed.groups import TABLES
from optimus_tui.tui.panes.feed.lines import TABLE as FEED
from optimus_tui.tui.panes.health.signals import TENANTS
from optimus_tui.tui.panes.limits.table import TABLE as LIMITS
from optimus_tui.tui.theme import plain_text
from optimus_tui.tui.widgets.cells import Column, Table
from optimus_tui.tui.widgets.row_table import RowTable

Pair = tuple[str, str]
PAIRS = Table[Pair](
    Column("name", "name", 6, lambda row, _: (row[0], ""), grow=1, most=30, measured=True),
    Column("figure", "figure", 9, lambda row, _: (row[1], ""), "right", measured=True),
    Column("rest", "rest", 4, lambda row, _: (row[0] * 9, ""), grow=1),
)


def test_figures_take_what_they_need_and_the_unmeasured_column_gets_the_rest() -> None:
    table = RowTable(PAIRS)
    table.measure([("acme", "12"), ("beta_clinic", "4")])
    assert table.table.widths(60) == {"name": 11, "figure": 7, "rest": 40}
    assert PAIRS.widths(60)["figure"] == 9


def test_a_longer_name_widens_its_column_and_a_shorter_one_leaves_it() -> None:
    table = RowTable(PAIRS)
    table.measure([("acme", "1")])
    table.measure([("a_much_longer_name", "1")])
    wide = table.table
    table.measure([("a", "1")])
    assert table.table is wide
    assert wide.widths(60)["name"] == 18


def test_columns_of_least_weight_go_first_and_come_back_with_room() -> None:
    declared = Table[Pair](
        Column("name", "name", 6, lambda row, _: (row[0], ""), grow=1, measured=True, fair=12),
        Column("first", "first", 8, lambda row, _: (row[1], ""), rank=1),
        Column("second", "second", 8, lambda row, _: (row[1], ""), rank=2),
    )
    table = RowTable(declared)
    table.measure([("a_name_of_22_cells_now", "1")])
    assert list(table.table.widths(15)) == ["name"]
    assert list(table.table.widths(24)) == ["name", "first"]
    assert list(table.table.widths(40)) == ["name", "first", "second"]


@pytest.mark.parametrize("table", [LIMITS, FEED, CACHE, FILTERED, TENANTS, *TABLES.values()])
def test_no_title_is_cut_at_any_width_that_a_pane_can_have(table: Table[object]) -> None:
    for width in range(56, 200):
        head = plain_text(table.head(width))
        assert "…" not in head, (width, head)
        assert all(column.title.strip() in head for column, _ in table.fitted(width))
