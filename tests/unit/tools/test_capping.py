"""Documents are bounded: lists, maps, nested ones, and what was already left out."""

from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimus_tui.tools.answer import ROWS, capped

NAMES = st.text("aé€😀", max_size=4)
"""Few letters: what a name holds does not matter here, and tables of all characters take seconds to make."""
JSON = st.recursive(
    st.none() | st.integers() | NAMES,
    lambda inner: st.lists(inner, max_size=9) | st.dictionaries(NAMES, inner, max_size=9),
    max_leaves=60,
)


def longest(value: Any) -> int:
    if isinstance(value, dict):
        return max([len(value) - ("omitted" in value), *map(longest, value.values())])
    if isinstance(value, list):
        return max([len(value), *map(longest, value)])
    return 0


def test_a_long_list_is_cut_and_counted_beside_it() -> None:
    assert capped({"rows": list(range(3000)), "kind": "x"}) == {"rows": list(range(ROWS)), "kind": "x", "omitted": 2900}


def test_a_short_document_is_as_it_was() -> None:
    document = {"rows": list(range(ROWS)), "omitted": 0, "inner": {"a": [1, 2]}}
    assert capped(document) == document


def test_what_the_tool_left_out_itself_is_added() -> None:
    assert capped({"rows": [0] * 101, "omitted": 7})["omitted"] == 8


@pytest.mark.parametrize("place", ["map", "nested", "in a row"])
def test_every_depth_is_bounded(place: str) -> None:
    rows: list[Any] = list(range(150))
    whole = {
        "map": {"limits": {str(number): number for number in rows}},
        "nested": {"a": {"b": {"c": rows}}},
        "in a row": {"a": [{"b": rows}]},
    }[place]
    assert longest(capped(whole)) == ROWS  # type: ignore[arg-type]


@given(st.dictionaries(NAMES, JSON, max_size=5))
def test_no_document_has_a_longer_list(document: dict[str, Any]) -> None:
    with patch("optimus_tui.tools.answer.ROWS", 5):  # a hundred rows are as good, and make large documents
        assert longest(capped(document)) <= 5
