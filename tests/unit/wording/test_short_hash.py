"""Tests of names that are hashes."""

import pytest

from optimus_tui.wording.short_hash import short_hash


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b", "88dc28d0…"),
        (b"4CB49F17E3F986776AF501C294CB49F1", "4CB49F17…"),
        (b"00000000000000000000000000000001", ""),
        (b"acme", ""),
        (b"deadbeef", ""),
        (b"88dc28d0f030c55ed4ab77ed8faf0981\n", ""),
        (b"", ""),
        (b"a" * 129, ""),
    ],
)
def test_only_a_name_that_is_a_hash_is_shown_short(name: bytes, shown: str) -> None:
    assert short_hash(name) == shown
