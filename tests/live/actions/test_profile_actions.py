"""Actions under the profile of another system: they take what that limiter keeps of a counter, and nothing else."""

import time
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from redis import Redis

from optimus_tui.contract.actions import ActionRequest, Plan, Refusal
from optimus_tui.contract.keyspace import ALL_TENANTS, LimitRules
from optimus_tui.dialects.load import load_table
from optimus_tui.dialects.model import Dialect
from optimus_tui.wording.numbers import ttl
from tests.live.actions.driver import CALM, armed, at_desk, carried_out, planned, subscriber
from tests.realserver import RealServer
from tests.unit.dialects.driver import recordings
from tests.unit.dialects.recorded import layout_of, names_of

pytestmark = pytest.mark.live
NEXT_TO_IT = {
    "limits-sliding-window-counter-2nd-window": [b"/-1"],
    "litellm-proxy": [b":window"],
    "nest-throttler": [b":blocked"],
    "spring-cloud-gateway": [b".timestamp"],
    "tyk-rolling": [b".BLOCKED"],
    "laravel-throttle": [b":timer"],
}
"""How the other keys of a counter end, by the recording that has some."""


def writable(profile: Dialect) -> Dialect:
    """Return the profile as a team has it that allows actions."""
    return structs.replace(profile, writable_layout=True)


def own(**table: Any) -> Dialect:
    """Return a profile of one's own that allows actions."""
    return load_table({"writable_layout": True, **table}, "test")


def put_back(client: Redis, name: str) -> None:
    """Put a recording into the server, with the times of its logs moved to now."""
    recording, moved = recordings()[name], 0.0
    moved = time.time() - recording["at"]
    client.flushall()
    for key, kind, left, value in recording["keys"]:
        if kind == "string":
            client.set(key, value)
        elif kind == "hash":
            client.hset(key, mapping=value)
        elif kind == "set":
            client.sadd(key, *value)
        elif kind == "list":
            client.rpush(key, *[str(float(one) + moved) for one in value])
        elif kind == "zset":
            client.zadd(key, {member: _shifted(float(score), moved) for member, score in value})
        if left >= 0:
            client.pexpire(key, left + 60_000)


def names_in(client: Redis) -> set[bytes]:
    return {bytes(key) for key in client.scan_iter()}


def _shifted(score: float, moved: float) -> float:
    return next((score + moved * unit for unit in (1, 1e3, 1e6, 1e9) if 1.5e9 < score / unit < 2.5e9), score)


def tenants_of(name: str) -> list[str]:
    found = {one.tenant for one in names_of(name) if one.family == "limit" and one.tenant and not one.doubt}
    return sorted(found - {ALL_TENANTS})


@pytest.mark.parametrize("name", [one for one in sorted(recordings()) if tenants_of(one)])
async def test_a_reset_takes_all_of_a_tenants_counters_and_nothing_else(
    name: str, server: RealServer, tmp_path: Path
) -> None:
    layout, client = layout_of(name), Redis(port=server.port)
    kinds = {one.key: one for one in names_of(name)}
    async with armed(server.port, tmp_path, tuning=CALM, dialect=writable(layout.dialect)) as service:
        for tenant in tenants_of(name):
            put_back(client, name)
            before = names_in(client)
            plan = await service.plan(ActionRequest(kind="reset_counters", tenant=tenant.encode()))
            if isinstance(plan, Refusal):  # all its windows ended since they were recorded
                assert plan.code == "nothing" and not any(_is_of_now(layout, key) for key in before), plan
                continue
            assert service.preview(plan).foreign == 0
            receipt = await carried_out(service, plan)
            gone = before - names_in(client)
            assert gone == {fact.key for fact in plan.keys} and receipt.counts == {"done": len(gone)}
            for fact in plan.keys:
                mine = kinds.get(fact.key)
                assert fact.part or (mine is not None and (mine.family, mine.tenant) == ("limit", tenant)), fact
                assert not fact.part or tenant.encode() in fact.key
            left = [
                one for one in kinds.values() if one.tenant == tenant and one.family == "limit" and one.key not in gone
            ]
            over = [one for one in left if not layout.parse(one.key).doubt and _is_of_now(layout, one.key)]
            assert not over, f"counters of {tenant} that are still there"
            for end in NEXT_TO_IT.get(name, []):
                kept = [key for key in before - gone if key.endswith(end) and tenant.encode() in key]
                assert not kept, f"what belongs to counters of {tenant} is still there"
    client.close()


def _is_of_now(layout: Any, key: bytes) -> bool:
    found = layout.counter(key)
    return found is not None and not any(one.stamp for one in found.rule.template.captures)


async def test_what_belongs_to_several_counters_goes_last_and_with_each_of_them(
    server: RealServer, tmp_path: Path
) -> None:
    client = Redis(port=server.port)
    async with armed(server.port, tmp_path, tuning=CALM, dialect=own(extends="litellm")) as service:
        for kind, operation in (("tokens", b"tokens"), ("all", None)):
            client.mset(
                {"{team:acme}:requests": 12, "{team:acme}:tokens": 9, "{team:acme}:window": 1, "{team:b}:window": 1}
            )
            plan = await planned(service, "reset_counters", operation=operation)
            names = [fact.key for fact in plan.keys]
            assert names[-1] == b"{team:acme}:window" and len(names) == (2 if kind == "tokens" else 3)
            effect = service.preview(plan).effect
            assert "1 related key of the limiter will be deleted, too." in effect
            assert ("1 other counter of acme may start again" in effect) is (kind == "tokens")
            await carried_out(service, plan)
            assert client.exists(*names) == 0 and client.exists("{team:b}:window") == 1
    client.close()


async def test_a_repair_gives_each_counter_the_window_of_its_own(server: RealServer, tmp_path: Path) -> None:
    client = Redis(port=server.port)
    hour, minute = "LIMITS:LIMITER/acme/a/5/1/hour", "LIMITS:LIMITER/acme/b/5/1/minute"
    pair = "LIMITS:{LIMITER/acme/c/5/10/second}"
    async with armed(server.port, tmp_path, tuning=CALM, dialect=own(extends="limits")) as service:
        client.mset(dict.fromkeys((hour, minute, pair), 5))
        plan = await planned(service, "repair_counter")
        assert plan.request.window_seconds is None
        assert f"each after its own window, in {ttl(20)} to {ttl(3600)}" in service.preview(plan).effect
        await carried_out(service, plan)
        assert [client.ttl(key) for key in (hour, minute, pair)] == [3600, 60, 20]  # a pair's key lives for two windows
    rules = LimitRules(window_seconds=60, windows={"upload": 900}, limits={"upload": 1})
    async with armed(server.port, tmp_path / "ours", tuning=CALM, limits=rules) as service:
        client.mset({"rate_limit:acme:upload": 5, "rate_limit:acme:chat": 5})
        await carried_out(service, await planned(service, "repair_counter"))
        assert [client.ttl(f"rate_limit:acme:{one}") for one in ("upload", "chat")] == [900, 60]
    client.close()


async def test_a_counter_that_its_limiter_mends_is_not_repaired(server: RealServer, tmp_path: Path) -> None:
    client = Redis(port=server.port)
    client.set("rl:/chat:acme", 5)
    async with armed(server.port, tmp_path, tuning=CALM, dialect=own(extends="express")) as service:
        answer = await service.plan(ActionRequest(kind="repair_counter", tenant=b"acme", window_seconds=60))
        assert isinstance(answer, Refusal) and answer.code == "nothing"
    client.close()


async def test_cached_answers_go_by_the_rules_of_the_profile(server: RealServer, tmp_path: Path) -> None:
    client = Redis(port=server.port)
    mine, other = ["answers:acme:chat:1", "answers:acme:chat:2"], ["answers:acme2:chat:1", "cache:chat:acme:1"]
    rules = [{"key": "answers:{tenant}:{kind}:{rest...}"}]
    async with armed(server.port, tmp_path, tuning=CALM, dialect=own(cache=rules)) as service:
        client.mset(dict.fromkeys([*mine, *other], "x"))
        plan = await planned(service, "invalidate_tenant")
        assert "No event tells the gateways" in service.preview(plan).effect and plan.channel is None
        receipt = await carried_out(service, plan)
        assert (client.exists(*mine), client.exists(*other), receipt.published) == (0, 2, None)
        assert isinstance(await service.plan(ActionRequest(kind="invalidate_tenant", tenant=b"acme")), Refusal)
    feed = [{"pattern": "coherence:*", "type": "/type", "tenant": "/tenant_id", "time": "/timestamp"}]
    told = own(cache=rules, feed=feed)
    async with armed(server.port, tmp_path / "told", tuning=CALM, dialect=told) as service:
        client.mset(dict.fromkeys(mine, "x"))
        with subscriber(server, b"coherence:acme") as link:
            await carried_out(service, await planned(service, "invalidate_tenant"))
            assert b'"patterns":["answers:acme:*:*"]' in link.recv(8192)
    client.close()


async def test_counters_of_all_tenants_together_are_of_none(server: RealServer, tmp_path: Path) -> None:
    async with armed(server.port, tmp_path, tuning=CALM, dialect=own(extends="litellm")) as service:
        answer = await service.plan(ActionRequest(kind="reset_counters", tenant=ALL_TENANTS.encode()))
        assert isinstance(answer, Refusal) and answer.code == "request"


async def test_a_profile_that_does_not_allow_it_is_only_read(server: RealServer, tmp_path: Path) -> None:
    async with at_desk(server.port, tmp_path, dialect=load_table({"extends": "optimus"}, "test")) as service:
        answer = await service.arm("test")
        assert isinstance(answer, Refusal) and answer.code == "layout"


async def test_a_login_for_the_keys_of_the_profile_may_arm(server: RealServer, tmp_path: Path) -> None:
    words = "reset on >pw resetkeys resetchannels -@all ~LIMITS:* ~optimus:lock:* +@connection +info +scan +pttl +type"
    words += " +get +strlen +time +unlink +acl|whoami +acl|dryrun +set +memory|usage +watch +multi +exec"
    client = Redis(port=server.port)
    assert server.command("ACL", "SETUSER", "op", *words.split()) == b"+OK\r\n"
    from optimus_tui.settings.model import RedisTarget, Secret

    login = RedisTarget(host="127.0.0.1", port=server.port, username="op", password=Secret("pw"))
    client.set("LIMITS:LIMITER/acme/a/5/1/hour", 5, ex=50)
    async with armed(
        server.port, tmp_path, tuning=CALM, dialect=own(extends="limits"), operator_redis=login
    ) as service:
        plan = await planned(service, "reset_counters")
        assert isinstance(plan, Plan) and (await carried_out(service, plan)).counts == {"done": 1}
    async with at_desk(server.port, tmp_path / "ours", operator_redis=login) as service:
        answer = await service.arm("test")
        assert isinstance(answer, Refusal) and answer.code == "no right"
    client.close()
