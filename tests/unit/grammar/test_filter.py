"""The filter language of ``/``."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimus_tui.grammar.filter import EVERYTHING, FilterError, parse_filter
from tests.steps import steps_of

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
    assert parse_filter(text).matches(ROW) is kept  # type: ignore[arg-type]


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


@pytest.mark.unmeasured
@given(st.text(max_size=60))
def test_any_text_is_parsed_or_refused_in_a_few_steps(text: str) -> None:
    def match() -> None:
        try:
            parse_filter(text).matches(ROW)  # type: ignore[arg-type]
        except FilterError as error:
            assert str(error)

    assert steps_of(match)[1] <= 10_000


FIELDS = ("text", "tenant", "operation", "count", "percent", "ttl")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("slpoe>5", "no field slpoe here; there are tenant, operation, count, percent, ttl"),
        ("!size>5", "no field size"),
        ("tennant:acme", "no field tennant"),
        ("ttl<", "not a comparison"),
        ("<30", "not a comparison"),
        ("acme:eu>x", "not a comparison"),
    ],
)
def test_a_field_that_is_not_there_and_half_a_comparison_are_refused(text: str, words: str) -> None:
    with pytest.raises(FilterError, match=words):
        parse_filter(text, FIELDS)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("used>90", True),
        ("used<90", False),
        ("%>=95", True),
        ("pct>96", False),
        ("resets<1m", True),
        ("acme:eu", True),
        ("acme:", True),
        ("tenant_a:x", False),
        ("tenant:acme:eu", True),
        ("/a<b/", False),
    ],
)
def test_a_column_s_title_is_its_field_and_names_hold_colons(text: str, kept: bool) -> None:
    row = {"text": "acme:eu chat", "tenant": "acme:eu", "count": 95, "percent": 95.0, "ttl": 29.0}
    assert parse_filter(text, FIELDS).matches(row) is kept  # type: ignore[arg-type]
