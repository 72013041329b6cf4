"""The meaning of event payloads: total over hostile bytes, exact over honest ones."""

import json
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimus_tui.contract.keyspace import ParsedEvent
from optimus_tui.grammar.events import MAX_DETAIL, claimed_time, is_event, parse_event
from tests.amounts import amount
from tests.steps import steps_of

GOOD: dict[str, object] = {
    "type": "conversation_updated",
    "tenant_id": "demo_dentist",
    "timestamp": "2025-01-29T10:25:00Z",
}


def dump(**more: object) -> bytes:
    return json.dumps(GOOD | more).encode()


def test_an_event_as_in_the_examples_is_read() -> None:
    assert parse_event(dump()) == ParsedEvent(
        type="conversation_updated", tenant="demo_dentist", claimed_at=1738146300.0
    )


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"{", "not JSON"),
        (b"NaN", "not JSON"),
        (b'{"type":"a","tenant_id":"b","n":NaN}', "not JSON"),
        (b'{"type":"a","tenant_id":"b"} trailing', "not JSON"),
        (b'\xef\xbb\xbf{"type":"a","tenant_id":"b"}', "not JSON"),
        (b'{"type":"a","tenant_id":"\xff"}', "not UTF-8"),
        (b'{"type":"\\ud800","tenant_id":"b"}', "not JSON"),
        (b'{"type":"a","tenant_id":"b","n":' + b"9" * 4301 + b"}", "not JSON"),
        (b'{"type":"a","tenant_id":"b","n":1e999}', "not JSON"),
        (b"[" * 10_000, "nested too deeply"),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "nested too deeply"),
        (b"[1]", "a list, not an object"),
        (b'"text"', "a string, not an object"),
        (b"12", "a number, not an object"),
        (b"true", "true or false, not an object"),
        (b"null", "null, not an object"),
        (b'{"type":"a","type":"b","tenant_id":"c"}', "a name occurs twice"),
        (b'{"type":"a","tenant_id":"b","\\u0074ype":"c"}', "a name occurs twice"),
        (b'{"type":"a","tenant_id":"b","n":1,"n":2}', "a name occurs twice"),
    ],
)
def test_what_is_not_one_json_object_is_a_problem_row_58(payload: bytes, problem: str) -> None:
    assert parse_event(payload) == ParsedEvent(problem=problem)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"tenant_id": None}, "tenant_id is not a string"),
        ({"tenant_id": {"a": 1}}, "tenant_id is not a string"),
        ({"tenant_id": 7}, "tenant_id is not a string"),
        ({"tenant_id": ""}, "tenant_id is empty"),
        ({"tenant_id": "x" * 10_000_000}, "tenant_id is too long: 10,000,000 characters"),
        ({"type": ["a"]}, "type is not a string"),
        ({"type": "x" * 257}, "type is too long: 257 characters"),
    ],
)
def test_a_type_or_tenant_that_is_no_name_is_a_problem_row_59(changes: dict[str, object], problem: str) -> None:
    assert parse_event(dump(**changes)) == ParsedEvent(problem=problem)


def test_an_event_without_tenant_or_type_is_a_problem_row_59() -> None:
    assert parse_event(b'{"type":"a"}').problem == "tenant_id is missing"
    assert parse_event(b'{"tenant_id":"a"}').problem == "type is missing"


def test_a_cut_payload_says_its_true_length_row_60() -> None:
    assert parse_event(dump()[:40], 1_000_000).problem == "too long to read: 1,000,000 bytes"


def test_a_value_that_looks_like_a_name_is_no_repeated_name() -> None:
    assert parse_event(dump(key="type", other="key")).problem is None
    assert parse_event(dump(note='a "type" in quotes')).problem is None


@pytest.mark.parametrize(
    ("claim", "seconds"),
    [
        ("2025-01-29T10:25:00Z", 1738146300.0),
        ("2025-01-29T10:25:00.250000+00:00", 1738146300.25),
        ("2025-01-29T12:25:00+02:00", 1738146300.0),
        ("2025-01-29T10:25:00", 1738146300.0),
        ("1738146300", 1738146300.0),
        (1738146300, 1738146300.0),
        (1738146300.5, 1738146300.5),
        (1738146300_000, 1738146300.0),
        (1738146300_000_000, 1738146300.0),
        (1738146300_000_000_000, 1738146300.0),
        (0, 0.0),
        ("9999-12-31T23:59:59Z", 253402300799.0),
    ],
)
def test_the_claimed_time_is_read_whatever_it_claims_row_63(claim: object, seconds: float) -> None:
    assert claimed_time(claim) == pytest.approx(seconds)
    assert parse_event(dump(timestamp=claim)).claimed_at == pytest.approx(seconds)


@pytest.mark.parametrize("claim", ["yesterday", "", "²³²³²³²³²³", "x" * 9999, None, True, [], {}, -5, 10**30, 1e30])
def test_an_unreadable_time_costs_only_the_time_row_63(claim: object) -> None:
    event = parse_event(dump(timestamp=claim))
    assert (event.problem, event.claimed_at, event.tenant) == (None, None, "demo_dentist")


@pytest.mark.parametrize(
    ("more", "detail"),
    [
        ({}, ""),
        ({"operation": "get", "conversation_id": "12345"}, "get 12345"),
        ({"pattern": "list_messages:clinic_a:*"}, "list_messages:clinic_a:*"),
        ({"keys_invalidated": 318}, "318 keys"),
        ({"keys_invalidated": 1}, "1 key"),
        ({"keys": ["a", "b", "c"]}, "3 keys"),
        ({"keys": ["cache:a"]}, "cache:a"),
        ({"key": "cache:a:b:1", "keys_invalidated": 12_345}, "cache:a:b:1 12,345 keys"),
        ({"region": "eu", "shard": 7, "warm": True}, "region=eu shard=7 warm=true"),
        ({"key": {"deep": 1}, "keys_invalidated": -1}, ""),
        ({"keys_invalidated": 10**40}, ""),
        ({"shard": 10**40}, "shard=a huge number"),
    ],
)
def test_the_detail_is_a_short_phrase_from_the_rest(more: dict[str, object], detail: str) -> None:
    assert parse_event(dump(**more)).detail == detail


def test_the_detail_is_bounded() -> None:
    assert len(parse_event(dump(key="k" * 3000, operation="o" * 3000)).detail) == MAX_DETAIL
    assert len(parse_event(dump(**{"n" * 900: "v" * 900})).detail) <= MAX_DETAIL


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NAMES = ("type", "tenant_id", "timestamp", "key", "keys", "operation", "keys_invalidated", "pattern")


@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
@settings(max_examples=amount(100, 300))
def test_no_bytes_make_it_raise_row_58(payload: bytes) -> None:
    event = parse_event(payload, len(payload))
    assert (event.problem is None) == is_event(payload, len(payload))


@given(st.dictionaries(st.sampled_from(NAMES), JSON), st.integers(0, 300))
@settings(max_examples=amount(100, 300))
def test_any_mixture_of_known_names_is_read_or_refused_whole(fields: dict[str, object], cut: int) -> None:
    whole = json.dumps(fields).encode()
    payload = whole[:cut] if cut else whole
    event = parse_event(payload, len(whole))
    assert (event.problem is None) == is_event(payload, len(whole))
    assert len(event.detail) <= MAX_DETAIL
    if event.problem is not None:
        assert (event.type, event.tenant, event.claimed_at, event.detail) == ("", "", None, "")


def test_a_deep_caller_still_gets_an_answer() -> None:
    def call(depth: int) -> ParsedEvent:
        return call(depth - 1) if depth else parse_event(b'{"a":' * 400 + b"1" + b"}" * 400)

    assert call(sys.getrecursionlimit() - 500).problem in ("nested too deeply", "type is missing")


@pytest.mark.unmeasured
def test_four_kilobytes_of_anything_are_read_in_a_few_steps() -> None:
    for payload in (b"[" * 4096, dump(**{f"n{i}": "\\" for i in range(300)})[:4096], b'"' * 4096, b"9" * 4096):
        _, steps = steps_of(lambda payload=payload: parse_event(payload))  # type: ignore[misc]
        assert steps <= 50
