"""Names kept as one text are the names that were put there."""

from hypothesis import given, settings
from hypothesis import strategies as st

from optimus_tui.index.name_table import NameTable, rows_with
from tests.amounts import amount

NAMES = st.lists(st.one_of(st.binary(max_size=6), st.text("ab0:\n.", max_size=6).map(str.encode)), max_size=12)


@given(NAMES)
@settings(max_examples=amount(60, 300))
def test_what_was_put_in_comes_out_and_is_found(names: list[bytes]) -> None:
    ordered = sorted(set(names))
    table = NameTable(ordered)
    assert table.all() == list(table) == ordered
    assert [table.find(name) for name in ordered] == list(range(len(ordered)))
    assert table.find(b"not there") == -1
    assert all(name.startswith(table.shared) for name in ordered)
    assert not table.plain or table.lines() == b"\n".join(ordered)


def test_a_line_with_two_hits_is_one_row() -> None:
    assert list(rows_with(b"ab\nxabab\n\ncab", b"ab")) == [0, 1, 3]
    assert list(rows_with(b"", b"ab")) == []
