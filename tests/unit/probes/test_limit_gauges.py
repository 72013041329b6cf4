"""Limits that a gateway publishes as gauges."""

import httpx

from optimus_tui.contract.keyspace import Counter, LimitRules
from optimus_tui.dialects.load import load_preset
from optimus_tui.probes.http.limit_gauges import limits_of_gauges
from optimus_tui.probes.http.services import read_gateway
from optimus_tui.settings.model import Settings, Thresholds
from optimus_tui.verdicts.limits.judge import judge_row, limit_for, window_for
from optimus_tui.verdicts.limits.words import merge_rules
from tests.fixed_clock import FixedClock

TEAM, KEY = "litellm_team_rate_limit_allowed_metric", "litellm_api_key_rate_limit_allowed_metric"
HASH = "5f8eee912cd7c0ccb238560e8a22e7f78909e6dac18288188f7f4ea35112700d"
GAUGES = load_preset("litellm").limit_gauges


def counter(key: bytes, tenant: bytes, operation: bytes) -> Counter:
    return Counter(key=key, tenant=tenant, operation=operation, count=3, ttl_ms=40_000)


def rules_of(*lines: str) -> LimitRules | None:
    return limits_of_gauges("\n".join(lines).encode(), GAUGES)


def test_a_gauge_is_the_limit_of_its_own_counter_alone() -> None:
    rules = rules_of(
        f'{TEAM}{{rate_limit_type="requests",team="team-acme",team_alias="acme team"}} 5.0',
        f'{TEAM}{{rate_limit_type="tokens",team="team-acme",team_alias="acme team"}} 100000.0',
        f'{KEY}{{api_key_alias="k",hashed_api_key="{HASH}",rate_limit_type="requests"}} 100.0',
        'litellm_team_rate_limit_used_metric{rate_limit_type="requests",team="team-acme"} 4.0',
    )
    assert rules is not None
    assert rules.keys == {
        "{team:team-acme}:requests": 5,
        "{team:team-acme}:tokens": 100_000,
        f"{{api_key:{HASH}}}:requests": 100,
    }
    of_team = counter(b"{team:team-acme}:requests", b"team-acme", b"requests")
    of_model = counter(b"{model_per_team:team-acme:mock}:requests", b"team-acme", b"requests")
    assert (limit_for(of_team, rules), limit_for(of_model, rules)) == (5, None)
    assert window_for(of_model, rules) is None


def test_what_people_call_a_tenant_is_joined_to_the_hash_that_stands_for_it() -> None:
    rules = rules_of(
        f'{TEAM}{{rate_limit_type="requests",team="team-acme",team_alias="acme team"}} 5.0',
        f'{KEY}{{api_key_alias="robot",hashed_api_key="{HASH}",rate_limit_type="requests"}} 100.0',
        f'{KEY}{{api_key_alias="one",hashed_api_key="a",rate_limit_type="requests"}} 1',
        f'{KEY}{{api_key_alias="two",hashed_api_key="a",rate_limit_type="tokens"}} 1',  # nobody knows which it is
    )
    assert rules is not None and rules.aliases == {"team-acme": "acme team", HASH: "robot"}
    known = counter(f"{{api_key:{HASH}}}:requests".encode(), HASH.encode(), b"requests")
    assert judge_row(known, None, rules, Thresholds()).alias == "robot"
    merged = merge_rules(rules, LimitRules(window_seconds=60, limits={"requests": 9}, source="[limits]"))
    assert merged is not None and merged.aliases == rules.aliases


def test_a_value_that_is_no_limit_and_workers_that_disagree_leave_it_unknown() -> None:
    for value in ("NaN", "+Inf", "-1", "0", "1.5", "9.2e18", "many"):
        assert rules_of(f'{TEAM}{{rate_limit_type="requests",team="a"}} {value}') is None, value
    assert rules_of(f'{TEAM}{{rate_limit_type="requests"}} 5', f'{TEAM}{{team=""}} 5', "# nothing") is None
    twice = [f'{TEAM}{{rate_limit_type="requests",team="a",pid="{pid}"}} {pid}' for pid in (5, 5, 7)]
    assert rules_of(*twice[:2]) is not None
    assert rules_of(*twice) is None


def test_configured_limits_hold_for_the_counters_that_no_gauge_has() -> None:
    published = LimitRules(window_seconds=60, keys={"{team:a}:requests": 5}, source="the gateway's metrics")
    configured = LimitRules(window_seconds=3600, limits={"requests": 50}, source="[limits]")
    rules = merge_rules(published, configured)
    assert rules is not None and rules.source == "the gateway's metrics, [limits] for the rest"
    of_team, of_user = (
        counter(b"{team:a}:requests", b"a", b"requests"),
        counter(b"{user:b}:requests", b"b", b"requests"),
    )
    assert (limit_for(of_team, rules), limit_for(of_user, rules)) == (5, 50)
    assert window_for(of_user, rules) == 3600


async def test_the_page_is_read_from_the_path_of_the_profile() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        page = '{"status": "healthy"}'
        if request.url.path == "/metrics/":
            page = f'{TEAM}{{rate_limit_type="requests",team="a"}} 5'
        return httpx.Response(200, stream=httpx.ByteStream(page.encode()), headers={"Content-Type": "application/json"})

    settings = Settings(gateway_url="http://gateway.test", dialect=load_preset("litellm"))
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        reading = await read_gateway(http, settings, FixedClock(), with_rules=True)
        assert reading.value is not None and reading.value.rules is not None
        assert (reading.value.rules.keys, reading.value.rules_fault) == ({"{team:a}:requests": 5}, None)
        assert sorted(asked) == ["/health/readiness", "/metrics/"]
        await read_gateway(http, settings, FixedClock(), with_rules=False)
    assert asked.count("/metrics/") == 1
