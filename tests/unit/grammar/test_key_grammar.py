"""The key grammar: total over any bytes, and nobody's key taken for another's."""

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from optimus_tui.dialects.layout import EDGE_COLON, EMPTY_TENANT, NO_OPERATION, ParsedKey, own_layout
from optimus_tui.dialects.template import escape_glob
from tests.amounts import amount

parse_key = own_layout().parse
ONE_PART = "its name has one part only: tenant and operation cannot be told apart"
NAMES = st.one_of(
    st.binary(max_size=60),
    st.lists(st.sampled_from([b"rate_limit", b"cache", b"cache_coherence", b":", b"a", b"", b"\xff", b"*"])).map(
        b"".join
    ),
)


@settings(max_examples=amount(133, 400))
@given(NAMES, st.sets(st.binary(max_size=12), max_size=4))
@example(b"", set())
@example(b"cache:::", {b":"})
def test_any_bytes_are_parsed_and_the_parts_make_the_name_again(name: bytes, tenants: set[bytes]) -> None:
    parsed = parse_key(name, tenants)
    if parsed.family == "limit":
        assert name in (
            b"rate_limit:" + parsed.tenant + b":" + parsed.operation,
            b"rate_limit:" + parsed.tenant + parsed.operation,
        )
        assert parsed.tenant or parsed.operation or parsed.doubt
        assert b":" not in parsed.operation
        edges = parsed.tenant.startswith(b":") or parsed.tenant.endswith(b":")
        assert bool(parsed.doubt) == (not parsed.tenant or edges or not parsed.operation)
    elif parsed.family == "cache":
        assert name == b"cache:" + parsed.kind + b":" + parsed.tenant + b":" + parsed.rest
        assert parsed.kind
        assert parsed.tenant
        assert parsed.rest
    else:
        assert parsed.tenant == b""


@pytest.mark.parametrize(
    "name",
    [b"rate_limit", b"rate_limit:", b"cache", b"cache:", b"cache:k", b"cache:k:t", b"cache:k:t:", b"cache::t:x",
     b"cache:k::x", b"cache_coherence", b"cache_coherence:"],
)  # fmt: skip
def test_what_can_be_nothing_of_ours_is_unparsed_row_14(name: bytes) -> None:
    parsed = parse_key(name, {b"", b"a", b"t", b":a", b"a:"})
    assert (parsed.family, parsed.tenant, parsed.operation) == ("unparsed", b"", b"")


@pytest.mark.parametrize(
    ("name", "tenant", "operation", "doubt", "shape"),
    [
        (b"rate_limit:::ffff:10.0.0.7:chat", b"::ffff:10.0.0.7", b"chat", EDGE_COLON, ""),
        (b"rate_limit::a:op", b":a", b"op", EDGE_COLON, ""),
        (b"rate_limit:a::op", b"a:", b"op", EDGE_COLON, ""),
        (b"rate_limit::op", b"", b"op", EMPTY_TENANT, ""),
        (b"rate_limit:a", b"a", b"", ONE_PART, "rate_limit:…"),
        (b"rate_limit:a:", b"a", b"", NO_OPERATION, "rate_limit:…:"),
        (b"rate_limit::", b"", b"", EMPTY_TENANT, "rate_limit:…:"),
    ],
)
def test_whatever_may_be_a_counter_is_one_and_says_why_no_action_takes_it_row_14(
    name: bytes, tenant: bytes, operation: bytes, doubt: str, shape: str
) -> None:
    expected = ParsedKey("limit", tenant=tenant, operation=operation, doubt=doubt, shape=shape)
    assert parse_key(name, {b"a", b":a", b"a:"}) == expected


def test_the_operation_is_what_follows_the_last_colon_row_24() -> None:
    assert parse_key(b"rate_limit:acme:chat") == ParsedKey("limit", tenant=b"acme", operation=b"chat")
    assert parse_key(b"rate_limit:acme:eu:chat") == ParsedKey("limit", tenant=b"acme:eu", operation=b"chat")


def test_the_longest_known_tenant_with_colons_owns_a_cache_key_row_24() -> None:
    name = b"cache:conversation:acme:eu:west:12345"
    assert parse_key(name) == ParsedKey("cache", kind=b"conversation", tenant=b"acme", rest=b"eu:west:12345")
    assert parse_key(name, {b"acme:eu"}).tenant == b"acme:eu"
    longest = parse_key(name, {b"acme", b"acme:eu", b"acme:eu:west"})
    assert (longest.tenant, longest.rest) == (b"acme:eu:west", b"12345")
    assert parse_key(name, {b"acme:eu:west:12345"}).tenant == b"acme"


def test_a_literal_star_and_hash_tags_are_plain_bytes_row_32() -> None:
    assert parse_key(b"cache:list_messages:demo_dentist:*").rest == b"*"
    assert parse_key(b"rate_limit:{demo}:chat").tenant == b"{demo}"


def test_coherence_keys_the_event_log_and_foreign_names_are_told_apart() -> None:
    assert parse_key(b"cache_coherence:demo:1") == ParsedKey("coherence", rest=b"demo:1")
    assert parse_key(b"cache_coherence_events").family == "event log"
    assert parse_key(b"cache_coherence_events:x").family == "other"
    assert parse_key(b"session:1").family == "other"
    assert parse_key(b"rate_limits:a:b").family == "other"


def test_a_name_of_colons_costs_no_time() -> None:
    name = b"cache:k:" + b"t:" * 500_000 + b"x"
    assert parse_key(name, {b"t:t"}).tenant == b"t:t"


def test_an_escaped_tenant_matches_only_itself_row_23() -> None:
    assert escape_glob(b"[ag]*") == rb"\[ag\]\*"
    random.seed(23)
    for _ in range(300):
        tenant = bytes(random.choices(rb"a*?[]^-\x", k=random.randint(1, 8)))
        other = bytes(random.choices(rb"a*?[]^-\x", k=random.randint(1, 8)))
        assert _matches(escape_glob(tenant), tenant)
        assert _matches(escape_glob(tenant), other) is (tenant == other)


def _matches(pattern: bytes, name: bytes) -> bool:
    """Redis' own rule for a pattern in which every special byte is escaped."""
    plain, index = bytearray(), 0
    while index < len(pattern):
        if pattern[index : index + 1] == b"\\":
            index += 1
        else:
            assert pattern[index : index + 1] not in (b"*", b"?", b"[", b"]")
        plain += pattern[index : index + 1]
        index += 1
    return bytes(plain) == name
