"""The page of faults and the tests that cite its rows agree."""

import pytest

from tests.faults import NO_TEST, FaultRow, cited, citing_tests, rows

ROWS = rows()
BY_ROW = citing_tests()


def test_rows_are_numbered_from_1_without_a_gap() -> None:
    assert [row.number for row in ROWS] == list(range(1, len(ROWS) + 1))
    assert len(ROWS) >= 116


def test_every_row_that_a_test_cites_exists() -> None:
    known = {row.number for row in ROWS}
    assert {number: tests for number, tests in BY_ROW.items() if number not in known} == {}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row.number))
def test_every_row_names_a_test_that_cites_it_or_says_why_there_is_none(row: FaultRow) -> None:
    citing = {test.rpartition("::")[2] for test in BY_ROW.get(row.number, [])}
    if row.shown_by.startswith(NO_TEST):
        assert citing == set(), f"row {row.number} says that it has no test"
        assert len(row.shown_by) > len(NO_TEST) + 20, f"row {row.number} does not say why"
    else:
        assert row.tests, f"row {row.number} names no test"
        assert set(row.tests) <= citing, f"row {row.number} names a test that does not cite it"


def test_citations_are_read_in_each_of_their_forms() -> None:
    assert cited("test_it_row_40") == {40}
    assert cited("test_it_rows_1_to_4_and_11") == {1, 2, 3, 4, 11}
    assert cited("test_it_rows_70_75") == {70, 75}
    assert cited("test_it_row_53_row_48") == {48, 53}
    assert cited("test_rows_1_to_3_and_58_to_59") == {1, 2, 3, 58, 59}
    assert cited("test_a_row_is_complete") == cited("test_it_grows_where_it_stands") == set()
    with pytest.raises(ValueError, match="cites no row"):
        cited("test_it_row_40_whatever")
