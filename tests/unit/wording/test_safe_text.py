"""The first gate: RELIABILITY rows 1 to 13 as text."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from optimus_tui.wording.safe import is_plain, redact, safe_sentence, safe_text

HOSTILE = [
    b"\x1b]52;c;QUJD\x07", b"\x1b]0;title\x1b\\", b"\x1b]8;;http://e\x1b\\x", b"\x1b[2J", b"\x1b[6n",
    b"\x1bc", b"\x1bPq",
    "\u009b2J".encode(), "\u009d0;x\u009c".encode(), "\u0085".encode(), b"a\0b", b"a\x08b", b"a\x0bb", b"a\x0cb",
    b"a\rb",
    b"a\x7fb", b"a\nb\tc", "\u2028\u2029".encode(), "\u202eabc".encode(), "\u200b\ufeff".encode(),
    "\U000e0041".encode(), b"\xff\xfe", b"\xed\xa0\x80", "\u115f\u3164\u2800".encode(),
]  # fmt: skip


@pytest.mark.parametrize("raw", HOSTILE)
def test_hostile_bytes_come_out_visible_rows_1_to_7_and_11(raw: bytes) -> None:
    shown = safe_text(raw)
    assert shown.isprintable()
    assert "\\" in shown


@pytest.mark.parametrize("text", ["[red]x[/]", "[/]", "[@click=app.quit]x[/]", "[b", "\\[red]", "50%"])
def test_markup_is_left_as_it_is_rows_8_and_9(text: str) -> None:
    assert safe_text(text) == text


@pytest.mark.unmeasured
def test_every_code_point_comes_out_printable_row_5() -> None:
    bad = [code for code in range(sys.maxunicode + 1) if not safe_text(chr(code)).isprintable()]
    assert bad == []


@given(st.binary(max_size=300))
def test_any_bytes_come_out_printable_and_bounded_row_10(raw: bytes) -> None:
    shown = safe_text(raw, 60)
    assert shown.isprintable()
    assert len(shown) <= 80


def test_a_long_name_is_elided_with_its_size_row_10() -> None:
    shown = safe_text(b"k" * 1_000_000, 80)
    assert "…" in shown
    assert shown.endswith("(1,000,000)")


def test_a_long_sentence_ends_after_a_word_and_says_so() -> None:
    words = "27 % of 2,391 requests failed; 545 requests of demo_dentist"
    assert safe_sentence(words, 60) == words
    assert safe_sentence(words, 45) == "27 % of 2,391 requests failed; 545 requests…"
    assert safe_sentence("k" * 99, 20) == "k" * 19 + "…"
    assert len(safe_sentence("\x1b" * 1_000_000, 300)) == 300


@given(st.text(max_size=300), st.integers(10, 80))
def test_any_sentence_comes_out_printable_and_bounded(raw: str, limit: int) -> None:
    shown = safe_sentence(raw, limit)
    assert shown.isprintable()
    assert len(shown) <= limit


def test_a_combining_flood_is_cut_row_13() -> None:
    assert len(safe_text("a" + "\u0301" * 5000)) < 60
    assert cell_len(safe_text("a" + "\u0301" * 5000)) < 60


def test_a_name_that_only_looks_plain_is_told_apart_row_12() -> None:
    assert is_plain(b"acme")
    assert not is_plain("аcme".encode())


@pytest.mark.parametrize(
    "text",
    ["redis://ops:CANARY@h:1/0", "redis://:CANARY@h", "http://u:p/CANARY@h/x", "password=CANARY x", "token: CANARY",
     "Authorization: Bearer CANARY"],
)  # fmt: skip
def test_credentials_are_taken_out_of_other_peoples_text(text: str) -> None:
    assert "CANARY" not in redact(text)
