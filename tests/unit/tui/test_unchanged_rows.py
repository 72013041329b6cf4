"""What is read again and is the same is not drawn again: a dashboard at rest has little else to do."""

from msgspec.structs import replace

from optimus_tui.contract.keyspace import Counter, LimitRow
from optimus_tui.tui.panes.limits.table import LimitNow
from optimus_tui.tui.widgets.cells import Column, Table
from optimus_tui.tui.widgets.row_table import HELD_SECONDS, RowTable
from tests.fixed_clock import FixedClock

COUNTER = Counter(
    key=b"rate_limit:acme:chat", tenant=b"acme", operation=b"chat", count=7, ttl_ms=7_210_500, taken_mono=100.0
)
ROW = LimitRow(counter=COUNTER, state="ok", limit=50, share=0.14, slope=0.0, resets_mono=7_310.5)


def look(row: LimitRow, mono: float) -> object:
    return LimitNow(row, mono).look


def test_a_counter_read_again_looks_the_same_until_a_word_of_its_row_changes() -> None:
    again = replace(ROW, counter=replace(COUNTER, ttl_ms=7_208_400, taken_mono=102.0), resets_mono=7_310.4)
    assert look(again, 102.0) == look(ROW, 100.0), "2h 00m"
    assert look(ROW, 200.0) != look(ROW, 100.0), "1h 58m"
    assert look(ROW, 7_400.0) != look(ROW, 100.0), "ended"
    for other in (
        replace(ROW, counter=replace(COUNTER, count=8)),
        replace(ROW, slope=0.5),
        replace(ROW, limit=60),
        replace(ROW, alias="Acme"),
    ):
        assert look(other, 100.0) != look(ROW, 100.0)


def test_rows_that_are_the_same_hold_their_columns_without_being_measured() -> None:
    drawn: list[str] = []

    def cell(row: str, _: int) -> tuple[str, str]:
        drawn.append(row)
        return row, ""

    clock = FixedClock()
    columns = RowTable(Table[str](Column("name", "name", 20, cell, measured=True)), clock)
    columns.measure(["a long name"])
    assert drawn == ["a long name"]
    for _ in range(3):
        clock.advance(HELD_SECONDS - 1)
        columns.measure_same()
    assert drawn == ["a long name"]
    columns.measure(["short"])
    assert columns.table.columns[0].width == len("a long name"), "needed a moment ago"
