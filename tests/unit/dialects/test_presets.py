"""Every recorded name under its preset, names of products that were not run, and names that belong to nobody."""

import random
import tomllib
from typing import Any

import pytest

from optimus_tui.dialects.conflicts import common_name, conflict_notes
from optimus_tui.dialects.layout import KeyLayout
from optimus_tui.dialects.load import load_preset, load_table, preset_names
from optimus_tui.dialects.template import Template
from tests.unit.dialects.recorded import layout_of, names_of, preset_of, recordings

LAYOUTS = {name: KeyLayout(load_preset(name)) for name in preset_names()}
SHARING = [
    load_table(tomllib.loads(text), "optimus.toml", text, within="")
    for text in (
        """
        extends = ["optimus", "litellm"]
        """,
        """
        event_list = "EVENTS"
        [[limits]]
        key = "5{tenant}:{operation}"
        [[cache]]
        key = "5f:{tenant}:{rest...}"
        [[cache]]
        key = "{any}:{any:sha256}"
        kind = "page"
        tenant = "all"
        [[cache]]
        key = "{rest:md5}"
        """.replace("EVENTS", "0a" * 16),
    )
]
NOT_RUN = [
    ("limits", b"LIMITS:LIMITER/acme/10/1/minute", "acme", "*"),
    ("limits", b"LIMITER/acme/api.chat/10/1/day", "acme", "api.chat"),
    ("limits", b"LIMITS:{LIMITER/acme/10/2/hour}", "acme", "*"),
    ("fastapi-limiter", b"fastapi-limiter:acme:/ws:room:7", "acme", "/ws:room:7"),
    ("fastify", b"fastify-rate-limit-GET/api/chat-acme", "acme", "GET/api/chat"),
    ("fastify", b"fastify-rate-limit-GET,HEAD/-clinic_b", "clinic_b", "GET,HEAD/"),
    ("fastify", b"fastify-rate-limit-clinic-b", "clinic-b", "*"),
    ("upstash", b"@upstash/ratelimit:acme:29931533", "acme", "*"),
    ("upstash", b"@upstash/ratelimit:acme", "acme", "*"),
    ("throttled", b"throttled:v1:gcra:acme:chat", "acme", "chat"),
    ("throttled", b"throttled:v1:leaking_bucket:acme", "acme", "*"),
    ("throttled", b"throttled:v1:fixed_window:acme:period:29931528", "acme", "*"),
    ("throttled", b"throttled:v1:fixed_window:acme:api:chat:period:29931528", "acme", "api:chat"),
    ("apisix-left", b"plugin-limit-count/apisix/services/7:18:acme", "acme", "/apisix/services/7"),
    ("apisix-used", b"plugin-limit-counttenants:acme", "acme", "tenants"),
    ("spring", b"request_rate_limiter.{10.0.0.9}.tokens", "10.0.0.9", "*"),
    ("traefik", b"rate:acme", "acme", "*"),
    ("rack-attack", b"rack::attack:29931533:req/ip:2001:db8::7", "2001:db8::7", "req/ip"),
    ("envoy", b"gateway_tenant_clinic_b_operation_list_items_1795892160", "clinic_b", "list_items"),
    ("tyk", b"rate-limit-7b2e-689febd264f8b977", "7b2e-689febd264f8b977", "rate"),
    ("litellm", b"acme::2026-11-28-19-04::request_count", "acme", "rpm"),
    ("litellm", b"{team:acme}:max_parallel_requests", "acme", "max_parallel_requests"),
    ("litellm", b"{model_per_team:acme:ollama/llama3:8b}:requests", "acme", "requests (ollama/llama3:8b)"),
    (
        "laravel",
        b"laravel-database-laravel-cache-2bf913e845242414829a489acfa07c0a",
        "2bf913e845242414829a489acfa07c0a",
        "*",
    ),
    ("pyrate", b"bucket:acme", "acme", "*"),
    ("django", b":1:rl:2bf913e845242414829a489acfa07c0a", "2bf913e845242414829a489acfa07c0a", "*"),
    ("express", b"rl:chat:2001:db8:1234:5600::/56", "2001:db8:1234:5600::/56", "chat"),
    ("express", b"rl:login:::ffff:10.0.0.5", "::ffff:10.0.0.5", "login"),
    ("express", b"rl:::1", "::1", "*"),
    ("home-made", b"ratelimit:2001:db8::7:chat", "2001:db8::7", "chat"),
    ("home-made", b"ratelimit:2001:db8::7:29934851", "2001:db8::7", "*"),
    ("home-made", b"rate_limit:{acme}:chat", "acme", "chat"),
    ("home-made", b"ratelimit:{acme}:29934851", "acme", "*"),
    ("home-made", b"rl:{acme}", "acme", "*"),
    ("litellm", b"{tag:prod}:requests", "prod", "requests"),
    ("litellm", b"{tag_per_key:k1:prod}:requests", "k1", "requests (prod)"),
    ("litellm", b"{mcp_per_key:k1:github}:requests", "k1", "requests (github)"),
    ("litellm", b"{mcp_per_team:t1:github}:requests", "t1", "requests (github)"),
    ("litellm", b"{mcp_server:s1}:requests", "s1", "requests"),
    ("litellm", b"{agent:a1}:tokens", "a1", "tokens"),
    ("litellm", b"{agent_session:a1:s9}:requests", "a1", "requests of s9"),
    ("litellm", b"{model_per_project:p1:gpt-4}:tokens", "p1", "tokens (gpt-4)"),
    ("litellm", b"{model_saturation_check:gpt-4}:requests", "all tenants together", "requests to gpt-4"),
    ("litellm", b"{priority_model:gpt-4:prod}:tokens", "all tenants together", "tokens to gpt-4:prod"),
]
NEIGHBOURS = [
    ("upstash", b"@upstash/ratelimit:events:1795888800000"),
    ("upstash", b"@upstash/ratelimit:denyList:all"),
    ("upstash", b"@upstash/ratelimit:dynamic:global"),
    ("rack-attack", b"rack::attack:fail2ban:ban:10.0.0.9"),
    ("laravel", b"laravel_database_laravel_cache_:2bf913e845242414829a489acfa07c0a:timer"),
    ("tyk", b"rate-limit-689febd264f8b977.BLOCKED"),
    ("litellm", b"{team:acme}:window"),
    ("django", b":1:throttle_user_42"),
    ("spring", b"request_rate_limiter.{acme}.timestamp"),
    ("limits", b"LIMITS:{LIMITER/acme/chat/10/1/minute}/-1"),
]


@pytest.mark.parametrize("name", recordings())
def test_a_recorded_name_says_what_its_setup_says(name: str) -> None:
    layout = layout_of(name)
    for row in names_of(name):
        parsed, counter = layout.parse(row.key), layout.counter(row.key)
        assert (parsed.family, parsed.tenant.decode(), (parsed.operation or parsed.kind).decode(), parsed.doubt) == (
            row.family,
            row.tenant,
            row.what,
            row.doubt,
        ), row.key
        if row.family == "limit":
            assert counter is not None
            assert (row.limit or "None", row.window or "None") == (
                str(counter.limit),
                "None" if counter.window_seconds is None else f"{counter.window_seconds:g}",
            ), row.key


def test_the_recordings_are_of_all_that_was_run() -> None:
    rows = [(name, row) for name in recordings() for row in names_of(name)]
    assert len(rows) >= 237
    assert sum(row.family == "limit" for _, row in rows) >= 125
    by_preset = {preset_of(name) for name in recordings()} | {preset for preset, *_ in NOT_RUN}
    assert by_preset - {""} == set(preset_names()) - {"optimus", "instrumentator", "starlette-exporter"}


@pytest.mark.parametrize(("preset", "name", "tenant", "operation"), NOT_RUN)
def test_a_name_of_a_product_s_documentation(preset: str, name: bytes, tenant: str, operation: str) -> None:
    parsed = LAYOUTS[preset].parse(name)
    assert (parsed.family, parsed.tenant.decode(), parsed.operation.decode(), parsed.doubt) == (
        "limit",
        tenant,
        operation,
        "",
    )


def test_a_tenant_that_could_begin_at_several_hyphens_is_doubted() -> None:
    parsed = LAYOUTS["fastify"].parse(b"fastify-rate-limit-GET/api/chat-clinic-b")
    assert parsed.family == "limit" and "hyphens" in parsed.doubt


@pytest.mark.parametrize(("preset", "name"), NEIGHBOURS)
def test_what_only_belongs_to_a_counter_is_none(preset: str, name: bytes) -> None:
    assert LAYOUTS[preset].parse(name).family == "neighbour"


def test_no_preset_takes_a_queue_s_names_for_counters() -> None:
    rows = [row.key for row in names_of("bullmq")]
    assert rows
    assert [(preset, key) for preset, layout in LAYOUTS.items() for key in rows if layout.counter(key)] == []


@pytest.mark.parametrize("preset", preset_names())
def test_a_preset_is_whole(preset: str) -> None:
    """Its rules do not hide each other, its companions can be named, and it says in plain words what it is of."""
    profile = load_preset(preset)
    assert 40 < len(profile.about) < 700 and profile.about == profile.about.strip()
    assert not profile.writable_layout or preset == "optimus"
    assert conflict_notes("limits", profile.limits) == () == conflict_notes("cache", profile.cache)
    layout = LAYOUTS[preset]
    for rule in profile.limits:
        key = common_name(rule.template, rule.template)
        counter = layout.counter(key or b"")
        assert key is not None and counter is not None
        if not rule.fallback:
            assert counter.rule is rule
        for companion in (counter.rule.blocked, *counter.rule.also):
            assert not companion or layout.parse(counter.companion(companion, key)).family == "neighbour"


def test_ten_thousand_random_names_are_nobody_s() -> None:
    """No crash, and no tenant that is not in the name where the rule says."""
    chance = random.Random(14)
    heads = [template.head for layout in LAYOUTS.values() for template in (*layout.dialect.signs, *_templates(layout))]
    claimed = []
    for number in range(10_000):
        name = chance.randbytes(chance.randrange(1, 80))
        if number % 4 == 0:
            name = chance.choice(heads) + name
        for preset, layout in LAYOUTS.items():
            parsed = layout.parse(name)
            if parsed.tenant:
                assert parsed.tenant in name, (preset, name)
                claimed.append((preset, name, number % 4 == 0))
    assert [one for one in claimed if not one[2]] == []


def _templates(layout: KeyLayout) -> list[Any]:
    dialect = layout.dialect
    return [*(rule.template for rule in dialect.limits), *(rule.template for rule in dialect.cache)]


class Searched(bytes):
    """A name that counts how often it is searched; each search takes the time of its length."""

    searches = 0

    def find(self, *arguments: Any) -> int:
        """Count, and search."""
        Searched.searches += 1
        return super().find(*arguments)

    def rfind(self, *arguments: Any) -> int:
        """Count, and search."""
        Searched.searches += 1
        return super().rfind(*arguments)


@pytest.mark.parametrize("unit", [b":", b"/", b"_", b"-", b"::", b"}:", b"_operation_", b"a:1:"])
def test_a_hostile_name_is_searched_once_for_each_literal(unit: bytes) -> None:
    for layout in LAYOUTS.values():
        captures = sum(len(template.captures) for template in (*_templates(layout), *layout.dialect.neighbours))
        for head in {b"", *(template.head for template in _templates(layout))}:
            Searched.searches = 0
            layout.parse(Searched(head + unit * 20_000))
            assert Searched.searches <= captures + 2, (layout.dialect.name, head)


def test_a_name_that_lacks_a_rule_s_literal_costs_no_search() -> None:
    """LiteLLM's cached answers are hashes: a million of them must not each be tried with five templates."""
    Searched.searches = 0
    assert LAYOUTS["litellm"].parse(Searched(b"5f" * 32)).family == "cache"
    assert not LAYOUTS["litellm"].may_count(b"5f" * 32) and Searched.searches == 0


@pytest.mark.parametrize("preset", preset_names())
def test_the_cheap_family_is_that_of_the_whole_reading(preset: str) -> None:
    names = [row.key for name in recordings() for row in names_of(name)] + [name for _, name, *_ in NOT_RUN] + [b""]
    layout = LAYOUTS[preset]
    assert [layout.family_of(name) for name in names] == [layout.parse(name).family for name in names]
    counted = [name for name in names if layout.counter(name) is not None]
    assert counted == [name for name in counted if layout.may_count(name)]


def test_a_group_that_is_told_quickly_is_that_of_the_whole_reading() -> None:
    """Hostile names: parts of all templates in any order, hashes that are almost right, counters in a hash's place."""
    chance = random.Random(28)
    sha, md5 = b"5f" * 32, b"0a" * 16
    pieces = [sha, md5, sha[:-1] + b"g", sha + b"0", sha.upper(), b"acme", b"", b"\n", b"\xff", b"12:30"]
    layouts = [*LAYOUTS.values(), *map(KeyLayout, SHARING)]
    told = 0
    for layout in layouts:
        literals = {literal for template in _templates(layout) for literal in template.literals}
        pool = [*sorted(literals | {b":", b"::"}), *pieces, *pieces]
        for _ in range(600):
            name = b"".join(chance.choices(pool, k=chance.randrange(4)))
            name += chance.choice([b"", sha, md5, b":" + sha])
            group, parsed = layout.shared_group(name), layout.parse(name)
            assert layout.family_of(name) == parsed.family, (layout.dialect.name, name)
            assert layout.may_count(name) or layout.counter(name) is None, (layout.dialect.name, name)
            assert group in (None, (parsed.kind, parsed.tenant)), (layout.dialect.name, name)
            told += group is not None
    assert told > 100


def test_a_check_of_one_pattern_is_the_template_s_match() -> None:
    chance = random.Random(29)
    for text in [
        "{any:sha256}",
        "{any}:{any:sha256}",
        "a]^{any}]{any}^{hash}",
        "n{any}-{n}",
        "{any}:{any:ip6}",
        "k{hash}.",
    ]:
        template = Template(text)
        check = template.quick_check()
        pool = [*template.literals, b"5f" * 32, b"12", b"x", b"\n", b":", b"::1"]
        names = [b"".join(chance.choices(pool, k=chance.randrange(1, 7))) for _ in range(500)]
        assert [check(name) is None for name in names] == [template.match(name) is None for name in names], text


def test_an_own_profile_stands_on_several_presets() -> None:
    text = 'extends = ["limits", "fastapi-cache", "instrumentator"]'
    layout = KeyLayout(load_table(tomllib.loads(text), "optimus.toml", text, within=""))
    assert layout.parse(b"LIMITS:LIMITER/acme//api/chat/10/1/minute").tenant == b"acme"
    assert layout.parse(b"fastapi-cache:conversation:" + b"0" * 32).kind == b"conversation"
    assert layout.dialect.metrics["http_requests_total"].labels["route"] == "handler"
    litellm = KeyLayout(load_table({"extends": ["limits", "litellm"]}, "optimus.toml", within="")).dialect.gateway
    assert litellm.health == "/health/readiness" and litellm.never == ("/health",)


ADDRESSES = ("2001:db8::1", "::1", "::ffff:10.0.0.7", "2001:db8:0:1:2:3:4:5", "2001:db8:0:1::/56", "fe80::")


@pytest.mark.parametrize(
    ("preset", "name", "operation"),
    [
        ("fastapi-limiter", "fastapi-limiter:{}:/api/chat:4:0", "/api/chat"),
        ("rate-limiter-flexible", "rlflx:{}", "*"),
        ("express", "rl:{}", "*"),
        ("home-made", "rate_limit:{}", "*"),
        ("home-made", "rl:{}", "*"),
        ("upstash", "@upstash/ratelimit:{}:29931533", "*"),
        ("upstash", "@upstash/ratelimit:{}", "*"),
        ("throttled", "throttled:v1:fixed_window:{}:period:29931528", "*"),
        ("throttled", "throttled:v1:token_bucket:{}", "*"),
        ("rack-attack", "rack::attack:29931536:req/ip:{}", "req/ip"),
        ("limits", "LIMITS:LIMITER/{}//api/chat/10/1/minute", "/api/chat"),
    ],
)
def test_a_tenant_that_is_an_address_keeps_its_colons(preset: str, name: str, operation: str) -> None:
    for address in ADDRESSES:
        if preset == "limits" and ("/" in address or address.startswith(":") or address.endswith(":")):
            continue  # a slash ends the tenant there; a colon at an edge is a doubt
        parsed = LAYOUTS[preset].parse(name.format(address).encode())
        assert (parsed.family, parsed.tenant, parsed.operation) == ("limit", address.encode(), operation.encode())


def test_other_names_with_colons_are_read_as_before() -> None:
    for preset, name, tenant, operation in (
        ("upstash", "@upstash/ratelimit:acme:chat:29931533", b"acme", b"chat"),
        ("upstash", "@upstash/ratelimit:12:34:56:29931533", b"12", b"34:56"),
        ("throttled", "throttled:v1:token_bucket:acme:chat", b"acme", b"chat"),
        ("fastapi-limiter", "fastapi-limiter:acme:4:0", b"acme", b"4"),
        ("fastapi-limiter", "fastapi-limiter:acme:/api/chat:4:0", b"acme", b"/api/chat"),
    ):
        parsed = LAYOUTS[preset].parse(name.encode())
        assert (parsed.tenant, parsed.operation) == (tenant, operation)
    assert LAYOUTS["rate-limiter-flexible"].parse(b"rlflx:acme:chat").family == "unparsed"
