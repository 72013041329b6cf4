"""Tests of names that are hashes."""

import pytest

from optimus_tui.wording.short_hash import short_hash, short_names


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


HASH = "88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"{HASH} / requests: 5 of 5", "88dc28d0… / requests: 5 of 5"),
        (f"refused: {HASH}, {HASH[:32]} and 3 more.", "refused: 88dc28d0…, 88dc28d0… and 3 more."),
        (f"redis-cli GET {{api_key:{HASH}}}:requests", f"redis-cli GET {{api_key:{HASH}}}:requests"),
        ("demo_dentist / chat: 5 of 5", "demo_dentist / chat: 5 of 5"),
        ("1234567890123456789012345678901234567890 requests", "1234567890123456789012345678901234567890 requests"),
    ],
)
def test_hashes_that_stand_alone_in_a_sentence_are_shortened(text: str, shown: str) -> None:
    assert short_names(text) == shown
    assert short_names(shown) == shown


def test_a_tenant_that_is_called_like_a_word_changes_no_sentence() -> None:
    sentence = "acme is over its limit: half of the requests are refused"
    assert short_names(sentence, {"requests": "cats", "over": "under", "limit": "sky", "half": "none"}) == sentence


def test_a_tenant_with_an_alias_is_called_by_it_and_stays_to_be_told_apart() -> None:
    team = "5f1c2d3e-8a4b-4c5d-9e6f-0a1b2c3d4e5f"
    aliases = {HASH: "robot", team: "acme team", "team-7": "\x1b[31mseven"}
    said = short_names(f"{HASH} / requests, {team} and team-7: refused", aliases)
    assert said == "robot (88dc28d0…) / requests, acme team (5f1c2d3e…) and \\x1b[31mseven (team-7): refused"
    assert short_names(said, aliases) == said
