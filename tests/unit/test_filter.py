"""The filter language of ``/``."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimus_tui.grammar.filter import EVERYTHING, FilterError, parse_filter

ROW = {"text": "acme chat", "tenant": "acme", "operation": "chat", "ttl": 29.0, "size": 2048.0, "slope": None}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", True),
        ("acme", True),
        ("ACME chat", True),
        ("acme export", False),
        ("!export", True),
        ("!acme", False),
        ("tenant:ac ttl<30", True),
        ("tenant:ac ttl<29", False),
        ("ttl<=29s", True),
        ("ttl<1m", True),
        ("ttl>0.4m", True),
        ("size>=2k", True),
        ("size=2kb", True),
        ("!size>3k", True),
        ("/^acme (chat|export)$", True),
        ("/^chat", False),
        ("/ch.t/ tenant:acme", True),
        ("slope<5", False),
        ("slope>5", False),
        ("nosuchfield:x", False),
    ],
)
def test_terms_are_joined_by_and(text: str, kept: bool) -> None:
    assert parse_filter(text).matches(ROW) is kept


def test_an_empty_filter_keeps_everything() -> None:
    assert not EVERYTHING
    assert EVERYTHING.matches({})


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("/(", "regular expression"),
        ("ttl<5y", "unit"),
        ("ttl<..", "number"),
        ("x" * 300, "256"),
        ("/(a+)+$", "for ever"),
    ],
)
def test_what_is_no_filter_is_refused_in_one_sentence(text: str, word: str) -> None:
    with pytest.raises(FilterError, match=word):
        parse_filter(text)


@given(st.text(max_size=60))
def test_any_text_is_parsed_or_refused_and_quick(text: str) -> None:
    started = time.perf_counter()
    try:
        parse_filter(text).matches(ROW)
    except FilterError as error:
        assert str(error)
    assert time.perf_counter() - started < 1
