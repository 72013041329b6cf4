"""Values as each library judges them: its own answer beside what is read of its recording.

The answers are those of the libraries' own formulas at the moment of the recording: how many requests are left, whether
the next one is refused, and in how many milliseconds the window ends.
"""

from typing import NamedTuple

import pytest

from optimus_tui.contract.keyspace import NO_WINDOW, LimitRules
from optimus_tui.dialects.formulas import Failed, Value
from optimus_tui.dialects.layout import KeyLayout
from optimus_tui.dialects.load import load_preset
from optimus_tui.dialects.values import Command
from tests.unit.dialects.driver import RECORDINGS, Keys, layout_of, recorded, recordings
from tests.unit.dialects.recorded import layout_of as preset_layout

BY_TTL = -1
"""The library's window ends with the key's TTL."""
UNKNOWN = -2
"""When it ends can be told neither by the library's key nor by us."""


class Says(NamedTuple):
    """What a library answers for one key: requests left, whether the next is refused, ms until the window ends."""

    left: int
    refused: bool
    resets: int = BY_TTL


PAIR = (
    'key = "LIMITS:{{LIMITER/{tenant}/{operation...}/{limit}/{times}/{unit}}}"\nvalue = "pair"\nprevious = "{key}/-1"\n'
    'resets = "ttl-window"'
)
LEGACY = (
    'key = "llm:{tenant}::{minute}::request_count"\noperation = "rpm"\nvalue = "json current_rpm"\nno_ttl = "dated"'
)
TEN = LimitRules(window_seconds=60, default=10)
ENVOY_RULES = LimitRules(window_seconds=60, limits={"chat": 10, "gpt-4o-mini": 1000}, windows={"gpt-4o-mini": 3600})
ROUTES = "5f0c1c3a-0000-4000-8000-00000000c4a7:7b6e2d10-0000-4000-8000-00000000a1e0"
MODEL = "62d6bab1a74c36da18e810551bc6d36d48d1ba231a72d41c0b52c3e0f1a0040d:openai/gpt-4o-mini"
HASHED = "0c3d1ba84174237758181f6f4190dbc9d6b61d8d50af114a938adaca21b4954b"

TABLE: dict[str, tuple[LimitRules | None, dict[str, Says]]] = {
    "limits-fixed-window": (None, {
        "LIMITS:LIMITER/acme/chat/10/1/minute": Says(3, False),
        "LIMITS:LIMITER/acme/list_conversations/100/1/hour": Says(97, False),
        "LIMITS:LIMITER/clinic_b/chat/10/1/minute": Says(0, True),
        "LIMITS:LIMITER/ten:colon/chat/5/2/minute": Says(3, False)}),
    "limits-moving-window": (None, {
        "LIMITS:LIMITER/acme/chat/10/1/minute": Says(3, False, 59_866),
        "LIMITS:LIMITER/acme/list_conversations/100/1/hour": Says(97, False, 3_599_883),
        "LIMITS:LIMITER/clinic_b/chat/10/1/minute": Says(0, True, 59_875),
        "LIMITS:LIMITER/ten:colon/chat/5/2/minute": Says(3, False, 119_887)}),
    "limits-sliding-window-counter": (None, {
        "LIMITS:{LIMITER/acme/chat/10/1/minute}": Says(3, False, 59_561),
        "LIMITS:{LIMITER/acme/list_conversations/100/1/hour}": Says(97, False, 3_599_576),
        "LIMITS:{LIMITER/clinic_b/chat/10/1/minute}": Says(0, True, 59_566),
        "LIMITS:{LIMITER/ten:colon/chat/5/2/minute}": Says(3, False, 119_580)}),
    "limits-sliding-window-counter-2nd-window": (None, {
        "LIMITS:{LIMITER/acme/chat/10/3/second}": Says(3, False, 2_373)}),
    "slowapi-default": (None, {
        "LIMITS:LIMITER/testclient//api/chat/10/1/minute": Says(0, True),
        "LIMITS:LIMITER/testclient//api/conversations/42/5/1/second": Says(3, False)}),
    "slowapi-tenant": (None, {
        "LIMITS:LIMITER/acme//api/chat/10/1/minute": Says(3, False),
        "LIMITS:LIMITER/acme//api/conversations/42/100/1/hour": Says(99, False),
        "LIMITS:LIMITER/clinic_b//api/chat/10/1/minute": Says(0, True),
        "LIMITS:LIMITER/clinic_b/reports/20/1/minute": Says(19, False)}),
    "slowapi-tenant-endpoint-prefix": (None, {
        "LIMITS:LIMITER/gw/acme/__main__.chat/10/1/minute": Says(3, False),
        "LIMITS:LIMITER/gw/clinic_b/__main__.chat/10/1/minute": Says(0, True)}),
    "fastapi-limiter-default": (TEN, {
        "fastapi-limiter:testclient:/api/chat:4:0": Says(0, True),
        "fastapi-limiter:testclient:/api/conversations/42:0:0": Says(6, False)}),
    "fastapi-limiter-tenant": (TEN, {
        "fastapi-limiter:acme:4:0": Says(3, False), "fastapi-limiter:clinic_b:4:0": Says(0, True)}),
    "fastapi-limiter-tenant-path": (TEN, {
        "fastapi-limiter:acme:/api/chat:4:0": Says(3, False), "fastapi-limiter:clinic_b:/api/chat:4:0": Says(0, True)}),
    "apisix-limit-count-new": (TEN, {
        "plugin-limit-count/apisix/routes/1:103:acme": Says(3, False),
        "plugin-limit-count/apisix/routes/1:103:clinic_b": Says(0, True)}),
    "kong-rate-limiting": (TEN, {
        f"ratelimit:{ROUTES}:acme:1795892160000:minute": Says(3, False, 53_258),
        f"ratelimit:{ROUTES}:acme:1795888800000:hour": Says(3, False, 233_258),
        f"ratelimit:{ROUTES}:clinic_b:1795892160000:minute": Says(0, True, 53_258)}),
    "envoy-ratelimit": (ENVOY_RULES, {
        "gateway_tenant_acme_operation_chat_1795892160": Says(3, False, 51_405),
        "gateway_tenant_clinic_b_operation_chat_1795892160": Says(0, True, 51_405),
        "ai-gateway_x-user-id_acme_x-ai-eg-model_gpt-4o-mini_1795888800": Says(0, True, 231_405)}),
    "throttled-fixed_window": (TEN, {
        "throttled:v1:fixed_window:acme:chat:period:29931528": Says(3, False, 52_266),
        "throttled:v1:fixed_window:clinic_b:chat:period:29931528": Says(0, True, 52_266)}),
    "throttled-sliding_window": (TEN, {
        "throttled:v1:sliding_window:acme:chat:period:29931528": Says(3, False, 51_673),
        "throttled:v1:sliding_window:clinic_b:chat:period:29931528": Says(0, True, 51_673)}),
    "throttled-sliding_window-2nd-window": (LimitRules(window_seconds=3, default=10), {
        "throttled:v1:sliding_window:acme:chat:period:598631017": Says(8, False, 374)}),
    "throttled-token_bucket": (TEN, {
        "throttled:v1:token_bucket:acme:chat": Says(3, False, 42_000),
        "throttled:v1:token_bucket:clinic_b:chat": Says(0, True, 60_000)}),
    "upstash-fixedWindow": (TEN, {
        "@upstash/ratelimit:acme:chat:29931533": Says(3, False, 47_281),
        "@upstash/ratelimit:clinic_b:chat:29931533": Says(0, True, 47_281)}),
    "upstash-tokenBucket": (LimitRules(window_seconds=60, default=10), {
        "@upstash/ratelimit:acme:chat": Says(3, False, 41_867),
        "@upstash/ratelimit:clinic_b:chat": Says(0, True, 59_875)}),
    "spring-cloud-gateway": (LimitRules(window_seconds=10, default=10), {
        "request_rate_limiter.{acme}.tokens": Says(3, False, 7_000),
        "request_rate_limiter.{clinic_b}.tokens": Says(0, True, 10_000)}),
    "tyk-rolling": (TEN, {
        "rate-limit-689febd264f8b977": Says(3, False), "rate-limit-b6028f177cf5924d": Says(0, True, 59_580),
        "quota-689febd264f8b977": Says(3, False), "quota-b6028f177cf5924d": Says(0, True)}),
    "nest-throttler": (TEN, {
        "{acme:chat:default}:hits": Says(3, False), "{clinic_b:chat:default}:hits": Says(0, True, 59_561)}),
    "pyrate-limiter": (TEN, {
        "bucket:acme:chat": Says(3, False, UNKNOWN), "bucket:clinic_b:chat": Says(0, True, UNKNOWN)}),
    "litellm-proxy": (LimitRules(window_seconds=60, default=10, limits={"tokens": 180}), {
        "{team:acme}:requests": Says(4, False), "{team:acme}:tokens": Says(0, True),
        f"global_router:{MODEL}:rpm:18-49": Says(4, False, 21_057)}),
    "litellm-proxy-legacy": (TEN, {
        "llm:acme::2026-11-28-19-04::request_count": Says(4, False, 43_411),
        "llm:clinic_b::2026-11-28-19-04::request_count": Says(5, False, 43_411)}),
    "cashews": (TEN, {
        "rate_limit:rl:acme:chat": Says(3, False), "rate_limit:rl:clinic_b:chat": Says(0, True),
        "srl:slice:acme:chat": Says(6, False)}),
    "django-ratelimit": (TEN, {
        f":1:rl:{HASHED}": Says(7, False)}),
    "express-rate-limit-tenant": (TEN, {
        "rl:chat:acme": Says(3, False), "rl:chat:clinic_b": Says(0, True)}),
    "rate-limiter-flexible": (TEN, {
        "rlflx:acme": Says(3, False), "rlflx:clinic_b": Says(0, True), "rlflx:blocked_co": Says(0, True)}),
    "laravel-throttle": (TEN, {
        "laravel_database_laravel_cache_:528807c28804a3c58339e98a150845a2": Says(3, False),
        "laravel_database_laravel_cache_:2bf913e845242414829a489acfa07c0a": Says(0, True)}),
    "traefik-rate-limit": (TEN, {
        "rate:acme": Says(3, False, 42_000), "rate:clinic_b": Says(0, True, 62_400),
        "rate:10.0.0.7": Says(3, False, 39_000), "rate:2001:db8::7": Says(9, False, 6_000)}),
    "rack-attack": (TEN, {
        "rack::attack:29931536:req/ip:10.0.0.7": Says(7, False, 48_330),
        "rack::attack:29931536:api/tenant:acme": Says(3, False, 48_330),
        "rack::attack:29931536:api/tenant:clinic_b": Says(0, True, 48_330)}),
    "apisix-limit-count-old": (TEN, {
        "plugin-limit-count/apisix/routes/1:103:acme": Says(3, False),
        "plugin-limit-count/apisix/routes/1:103:clinic_b": Says(0, True)}),
    "upstash-slidingWindow": (TEN, {
        "@upstash/ratelimit:acme:chat:29931536": Says(2, False, 48_330),
        "@upstash/ratelimit:clinic_b:chat:29931536": Says(0, True, 48_330)}),
    "homemade-variants": (
        LimitRules(window_seconds=60, default=10, limits={"day": 100}), {
        "ratelimit:acme:2026-11-28": Says(30, False, UNKNOWN), "ratelimit:acme:29931536": Says(3, False, 47_686),
        "ratelimit:acme:bucket": Says(3, False, 39_600), "rate_limit:acme": Says(3, False),
        "rate_limit:globex": Says(3, False), "rate_limit:globex:chat": Says(9, False)}),
}  # fmt: skip


def cases() -> list[tuple[str, str]]:
    return [(name, key) for name, (_, keys) in TABLE.items() for key in keys]


def test_every_recording_is_in_the_table() -> None:
    assert set(TABLE) == set(recordings())


@pytest.mark.parametrize(("name", "key"), cases())
def test_a_value_is_judged_as_its_library_would(name: str, key: str) -> None:
    """Read by the preset that is shipped."""
    limits, answers = TABLE[name]
    server, layout, says = recorded(name), preset_layout(name), answers[key]
    value = server.read(layout, key.encode(), limits)
    counter = layout.counter(key.encode())
    assert counter is not None
    limit = value.limit
    if limit is None and limits is not None:
        limit = limits.limit_for(counter.tenant.decode(), counter.operation.decode())
    assert limit is not None
    assert value.count is not None, value.problem
    assert (max(0, limit - value.count), value.count >= limit or value.blocked) == (says.left, says.refused)
    if says.resets == BY_TTL:
        assert (value.resets_ms, value.ttl_is_reset) == (None, True)
    elif says.resets == UNKNOWN:
        assert value.resets_ms is None
        assert value.ttl_ms == -1 or not value.ttl_is_reset
    else:
        assert value.resets_ms == says.resets
    assert len(server.trips) <= 4


def value_of(
    rule: str,
    kind: str,
    value: object,
    *,
    ttl: int = 5000,
    now: float = 1_795_891_600.0,
    key: bytes = b"rl:acme:chat",
    limits: LimitRules | None = TEN,
    more: dict[bytes, tuple[str, object, int]] | None = None,
) -> tuple[Value, Keys]:
    server = Keys({key: (kind, value, ttl), **(more or {})}, now)
    return server.read(layout_of(rule), key, limits), server


RL = 'key = "rl:{tenant}:{operation}"\n'
BUCKET = 'value = "bucket"\nlevel = "hash t"\nat = "hash a s"\n'


@pytest.mark.parametrize(
    ("rule", "kind", "value", "sent"),
    [
        ('value = "count"', "string", b"7", ["GET", "PTTL"]),
        ('value = ["count", "log"]', "string", b"7", ["GET", "PTTL"]),
        ('value = "remaining"', "string", b"7", ["GET", "PTTL"]),
        ('value = "json rpm"', "string", b'{"rpm": 7}', ["GET", "PTTL"]),
        ('value = "blocked"', "string", b"1", ["PTTL"]),
        ('value = "card"', "set", {b"a"}, ["SCARD", "PTTL"]),
        ('value = "gcra"', "string", b"1", ["GET", "PTTL", "TIME"]),
        (BUCKET, "hash", {b"t": b"1", b"a": b"1"}, ["HMGET", "PTTL", "TIME"]),
        ('value = "log"\nscore = "s"', "zset", [1.0], ["TYPE", "PTTL", "TIME", "ZCARD", "ZCOUNT", "ZCOUNT"]),
        ('value = "log"', "list", [b"1795891590.5"], ["TYPE", "PTTL", "TIME", "LLEN", "LINDEX"]),
    ],
)  # fmt: skip
def test_a_counter_of_one_kind_is_asked_for_it_at_once(rule: str, kind: str, value: object, sent: list[str]) -> None:
    assert value_of(RL + rule, kind, value)[1].sent == sent


def test_of_several_kinds_the_first_that_fits_its_type_is_taken() -> None:
    rule = RL + 'value = ["count", "log", "bucket"]\nlevel = "hash t"\nat = "hash a s"'
    assert value_of(rule, "string", b"7")[0].count == 7
    assert value_of(rule, "zset", [1_795_891_590.0, 1_795_891_500.0])[0].count == 1
    assert value_of(rule, "list", [b"1795891590", b"1795891500"])[0].count == 1
    assert value_of(rule, "hash", {b"t": b"4", b"a": b"1795891600"})[0].count == 6
    assert value_of(rule, "stream", [b"x"])[0].problem == "a stream"
    assert value_of(rule, "set", {b"x"})[0].problem == "a set"


@pytest.mark.parametrize("size", [1, 2, 15, 16, 17, 100, 257, 4000])
def test_a_list_is_counted_as_far_as_its_window_reaches(size: int) -> None:
    now = 1_795_891_600.0
    times = [b"%d" % (now - second) for second in range(size)]
    for window in (1, 10, 60, 3600, 5000):
        value, server = value_of(
            RL + 'value = "log"', "list", times, limits=LimitRules(window_seconds=window, default=10)
        )
        assert value.count == min(size, window + 1)
        assert value.resets_ms == (window - min(size, window + 1) + 1) * 1000
        assert len(server.trips) <= 5


@pytest.mark.parametrize("value", [[], [b"x"], [b"1795891590", b"x"], [b"7"], [b"9" * 50]])
def test_a_list_of_no_times_has_a_problem_and_no_count(value: list[bytes]) -> None:
    found, _ = value_of(RL + 'value = "log"', "list", value)
    assert found.count is None
    assert found.problem == "a list: its entries are not times"


def test_the_window_of_a_log_is_that_of_its_operation_or_unknown() -> None:
    log = RL + 'value = "log"'
    times = [1_795_891_600.0 - second for second in (1, 100, 1000)]
    hour = LimitRules(window_seconds=60, default=10, windows={"chat": 3600})
    assert value_of(log, "zset", times, limits=hour)[0].count == 3
    assert value_of(log, "zset", times)[0].count == 1
    unknown, server = value_of(log, "zset", times, limits=None)
    assert (unknown.count, unknown.problem, unknown.lacks) == (None, NO_WINDOW, "window")
    assert "ZCOUNT" not in server.sent


def test_a_stamped_name_of_a_past_window_is_no_row() -> None:
    now = 1_795_891_600.0
    index = 'key = "rl:{tenant}:{operation}:{index}"\n'
    present = int(now // 60)
    for number, over in ((present, False), (present - 1, True), (present - 500, True)):
        for limits in (TEN, None, LimitRules(window_seconds=3600)):
            assert value_of(index, "string", b"7", key=b"rl:acme:chat:%d" % number, limits=limits)[0].over is over
    starts = 'key = "rl:{tenant}:{operation}:{start_ms}"\nwindow_seconds = 60'
    for stamp, over in ((1_795_891_590_000, False), (1_795_891_540_000, True), (1_795_891_539_000, True)):
        assert value_of(starts, "string", b"7", key=b"rl:acme:chat:%d" % stamp)[0].over is over
    for day, over in (("2026-11-29", False), ("2026-11-28", False), ("2026-11-27", True)):
        key = f"rl:acme:chat:{day}".encode()
        assert value_of('key = "rl:{tenant}:{operation}:{day}"', "string", b"7", key=key)[0].over is over


@pytest.mark.parametrize("window", [1, 3, 10, 60, 300, 3600, 86_400])
def test_the_number_of_a_window_proves_its_length(window: int) -> None:
    now = 1_795_891_600.25
    key = b"rl:acme:chat:%d" % (now // window)
    value, _ = value_of('key = "rl:{tenant}:{operation}:{index}"', "string", b"7", key=key, limits=None, now=now)
    assert value.window_seconds == window
    assert value.resets_ms == round((now // window * window + window - now) * 1000)


def test_the_stamp_of_a_minute_holds_in_every_time_zone() -> None:
    now = 1_795_892_656.589
    for minute, over in (
        ("2026-11-28-19-04", False),
        ("2026-11-28-21-34", False),
        ("2026-11-28-19-03", True),
        ("2026-11-26-19-04", True),
    ):
        key = f"llm:acme::{minute}::request_count".encode()
        assert value_of(LEGACY, "string", b'{"current_rpm": 6}', key=key, now=now)[0].over is over


def test_a_window_that_ended_still_weighs_while_the_next_has_no_request() -> None:
    rule, name = 'key = "rl:{tenant}:{operation}:{index}"\nvalue = "pair"\nprevious = "index-1"', b"rl:acme:chat:%d"
    now = 1_795_891_575.0  # a quarter of its window has passed
    before, present = name % (now // 60 - 1), name % (now // 60)
    value, _ = value_of(rule, "string", b"8", key=before, now=now)
    assert (value.count, value.resets_ms) == (6, 45_000)
    assert value_of(rule, "string", b"8", key=before, now=now, more={present: ("string", b"2", 9000)})[0].over
    weighed, _ = value_of(rule, "string", b"2", key=present, now=now, more={before: ("string", b"8", 9000)})
    assert (weighed.count, weighed.resets_ms) == (8, 45_000)
    assert value_of(rule, "string", b"8", key=name % (now // 60 - 2), now=now)[0].over


def test_a_pair_whose_window_has_passed_is_the_one_before() -> None:
    key = b"LIMITS:{LIMITER/acme/chat/10/1/minute}"
    value, _ = value_of(PAIR, "string", b"8", key=key, ttl=30_000)
    assert (value.count, value.resets_ms, value.sliding) == (4, 30_000, True)
    stuck, _ = value_of(PAIR, "string", b"8", key=key, ttl=-1)
    assert (stuck.count, stuck.ttl_ms, stuck.sliding) == (8, -1, False)


@pytest.mark.parametrize(
    ("text", "left", "count"), [(b"3", 3, 7), (b"0", 0, 10), (b"-2", 0, 12), (b"x", None, None), (b"3.5", None, None)]
)
def test_what_is_left_is_told_with_and_without_a_limit(text: bytes, left: int | None, count: int | None) -> None:
    rule = RL + 'value = "remaining"'
    assert (value_of(rule, "string", text)[0].left, value_of(rule, "string", text)[0].count) == (left, count)
    bare = value_of(rule, "string", text, limits=None)[0]
    assert (bare.left, bare.count) == (left, None)
    assert bool(bare.problem) is (left is None)


def test_a_bucket_is_refilled_until_now_where_its_pace_is_known() -> None:
    bucket = RL + BUCKET
    fields = {b"t": b"2", b"a": b"1795891570"}
    full = value_of(bucket, "hash", fields)[0]
    assert (full.count, full.left, full.resets_ms) == (3, 7, 18_000)
    used = value_of(bucket + 'holds = "used"', "hash", fields)[0]
    assert (used.count, used.left) == (0, 10)
    bare = value_of(bucket, "hash", fields, limits=None)[0]
    assert (bare.count, bare.left, bare.left_least, bare.lacks) == (None, 2, True, "limit")
    for odd in ({b"t": b"x", b"a": b"1"}, {b"a": b"1"}, {b"t": b"9" * 60, b"a": b"1"}):
        assert value_of(bucket, "hash", odd)[0].problem == "a bucket without a number of tokens"


def test_gcra_is_what_is_left_of_its_limit() -> None:
    rule = RL + 'value = "gcra"\nepoch = 1735660800'
    ahead = b"%.3f" % (1_795_891_600 - 1_735_660_800 + 41.9)
    value = value_of(rule, "string", ahead)[0]
    assert (value.count, value.left, value.resets_ms) == (7, 3, 41_900)
    assert value_of(rule, "string", b"5.5")[0].count == 0
    bare = value_of(rule, "string", ahead, limits=None)[0]
    assert (bare.count, bare.lacks, bare.resets_ms) == (None, "limit", 41_900)
    assert value_of(rule, "string", b"1e30")[0].problem == "a number that cannot be a time of GCRA"


@pytest.mark.parametrize(
    "text",
    [b"", b"[", b"[]", b"{}", b'{"a": 1}', b'{"rpm": "7"}', b'{"rpm": -1}', b'{"rpm": 1.5}', b'{"rpm": true}',
     b'{"rpm": null}', b"[" * 5000, b"\xff"],
)  # fmt: skip
def test_a_document_without_the_number_has_a_problem_and_no_count(text: bytes) -> None:
    found = value_of(RL + 'value = "json rpm"', "string", text)[0]
    assert found.count is None
    assert found.problem


def test_a_flag_blocks_until_it_goes() -> None:
    rule, flag = RL + 'blocked = "{key}.BLOCKED"', b"rl:acme:chat.BLOCKED"
    assert not value_of(rule, "string", b"7")[0].blocked
    blocked = value_of(rule, "string", b"7", more={flag: ("string", b"1", 30_000)})[0]
    assert (blocked.blocked, blocked.count, blocked.resets_ms) == (True, 7, 30_000)
    own = value_of(RL + 'value = "blocked"', "string", b"1", ttl=9000)[0]
    assert (own.blocked, own.count, own.problem) == (True, None, None)


def test_without_the_clock_nothing_is_said_that_needs_it() -> None:
    class Deaf(Keys):
        def answer(self, command: Command) -> object:
            return Failed.DENIED if command[0] == "TIME" else super().answer(command)

    for rule, kind, value in (
        ('value = "log"', "zset", [1.0]), ('value = "log"', "list", [b"1"]), ('value = "gcra"', "string", b"9"),
    ):  # fmt: skip
        found = Deaf({b"rl:a:b": (kind, value, 5)}, 0.0).read(layout_of(RL + rule), b"rl:a:b", TEN)
        assert found.count is None
        assert "TIME is not allowed" in (found.problem or "")
    index = Deaf({b"rl:a:b:29931528": ("string", b"7", 5)}, 0.0)
    stamped = index.read(layout_of('key = "rl:{tenant}:{operation}:{index}"'), b"rl:a:b:29931528", TEN)
    assert (stamped.count, stamped.over, stamped.resets_ms, stamped.ttl_is_reset) == (7, False, None, False)


STUCK = {b"rate_limit:broken_co"}
"""Counters of the recordings that a limiter without repair would block for ever."""


def preset_of(name: str) -> str:
    """Return the preset that a recording names."""
    lines = (RECORDINGS / f"{name}.tsv").read_text().splitlines()
    return next(line.partition(":")[2].strip() for line in lines if line.startswith("# preset:"))


@pytest.mark.parametrize("name", sorted(recordings()))
def test_under_its_preset_every_counter_is_read_and_none_is_falsely_stuck(name: str) -> None:
    layout, server = KeyLayout(load_preset(preset_of(name))), recorded(name)
    for key in server.keys:
        found = layout.counter(key)
        if found is None or layout.parse(key).family != "limit":
            continue
        value = server.read(layout, key, TEN)
        assert value.over or value.problem is None, (key, value.problem)
        assert value.over or value.count is not None or value.left is not None or value.blocked
        stuck = value.ttl_ms == -1 and found.rule.no_ttl == "stuck" and not value.sliding
        assert stuck is (key in STUCK)


@pytest.mark.parametrize("tokens", [b"1e300", b"-1e300", b"-2000", b"9" * 40])
def test_a_bucket_with_tokens_that_no_limiter_writes_is_not_judged(tokens: bytes) -> None:
    for limits in (TEN, None):
        value = value_of(RL + BUCKET, "hash", {b"t": tokens, b"a": b"1795891600"}, limits=limits)[0]
        if limits is TEN or tokens != b"-2000":
            assert (value.count, value.left) == (None, None) and "no limiter writes" in (value.problem or "")


@pytest.mark.parametrize("text", [b'{"rpm": 1e300}', b'{"rpm": -1}', b'{"rpm": 1.5}', b'{"rpm": 99999999999999999999}'])
def test_a_number_in_json_that_nothing_counted_is_not_judged(text: bytes) -> None:
    value = value_of(RL + 'value = "json rpm"', "string", text)[0]
    assert value.count is None and value.problem
