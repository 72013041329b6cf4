"""What an event says it made stale: any payload, never slow, never more than it says."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimus_tui.grammar.events import MAX_TARGETS, Target, named_targets, split_glob
from tests.steps import steps_of


def of(**fields: object) -> tuple[Target, ...]:
    return named_targets(json.dumps({"type": "t", "tenant_id": "acme", **fields}).encode())[0]


def test_keys_are_literal_and_patterns_are_patterns() -> None:
    (key,) = of(key="cache:list_messages:acme:*")
    assert key.key == b"cache:list_messages:acme:*"
    assert not key.matches(b"cache:list_messages:acme:1")
    (pattern,) = of(pattern="cache:list_messages:acme:*")
    assert pattern.key is None and pattern.kind == b"list_messages"
    assert pattern.matches(b"cache:list_messages:acme:1") and pattern.matches(b"cache:list_messages:acme:*")
    assert not pattern.matches(b"cache:list_messages:other:1")


def test_an_escaped_star_is_a_star_and_several_kinds_have_no_one_kind() -> None:
    (escaped,) = of(patterns=["cache:profile:ac\\*me:\\*"])
    assert escaped.key == b"cache:profile:ac*me:*"
    (every,) = of(pattern="cache:*:acme:*")
    assert every.kind is None
    assert every.matches(b"cache:conversation:acme:1") and not every.matches(b"cache:conversation:acm:1")


def test_a_pattern_that_says_more_is_not_matched_by_halves() -> None:
    assert split_glob(b"cache:a[bc]:*") is None and split_glob(b"cache:?") is None
    found, strange = named_targets(b'{"patterns": ["cache:?", "cache:x:*"], "keys": ["rate_limit:a:b"]}')
    assert [one.pieces for one in found] == [(b"cache:x:", b"")] and strange == 2


@pytest.mark.unmeasured
def test_a_thousand_names_are_bounded_and_a_nasty_pattern_is_tried_once() -> None:
    assert len(of(keys=[f"cache:a:b:{n}" for n in range(1000)])) == MAX_TARGETS
    pieces = split_glob(b"cache:" + b"a*" * 4 + b"b")
    assert pieces is not None
    matched, steps = steps_of(lambda: Target(pieces).matches(b"cache:" + b"a" * 100_000))
    assert not matched and steps <= 50


@given(st.binary(max_size=200) | st.text().map(lambda text: json.dumps({"pattern": text, "keys": [text, 1]}).encode()))
def test_any_payload_gives_targets_and_never_raises(payload: bytes) -> None:
    found, strange = named_targets(payload)
    assert strange >= 0
    for target in found:
        assert target.matches(b"".join(target.pieces))
