"""The sheet of a value: what is said of its length."""

from optimus_tui.contract.keyspace import KeyPreview
from optimus_tui.tui.panes.cache.lines import preview_facts


def length_of(preview: KeyPreview) -> str:
    return next(words for label, words, _ in preview_facts(preview, 0.0)[0] if label == "length")


def test_a_value_of_which_nothing_is_shown_tells_its_length_only() -> None:
    assert length_of(KeyPreview(key=b"k", type="hash", length=900, parts=(), truncated=True)) == "900 members"


def test_a_value_of_which_a_part_is_shown_tells_how_much() -> None:
    shown = KeyPreview(key=b"k", type="string", length=90_000, parts=(b"x" * 65_536,), truncated=True)
    assert length_of(shown) == "90,000 bytes, the first 65,536 bytes shown"
