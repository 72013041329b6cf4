"""The sampler against real servers: what appears, what an outage leaves standing, and how it all comes back."""

import asyncio
import re
import socket
from collections.abc import Callable
from typing import Any

from optimus_tui.context import Context
from optimus_tui.dialects.load import load_preset
from optimus_tui.settings.model import RedisTarget, ScanBudget, Settings
from optimus_tui.settings.tuning import Tuning
from tests.hostile import hostile_server, reply
from tests.listening import Heard, sampling
from tests.live.probes.driver import add_user, target_of
from tests.realserver import RealServer, nobody_port

REDIS = ("server", "limits", "keys", "details")
QUICK = ScanBudget(names_every_seconds=1.0)


def context(target: RedisTarget, **settings: Any) -> Context:
    fields = {"scan": QUICK, "refresh_seconds": 0.5, **settings}
    return Context(Settings(redis=target, **fields))


def rules_of(report: Any) -> set[str]:
    return {finding.rule for finding in report.findings}


async def test_a_counter_and_a_key_appear_and_what_is_wrong_is_said(server: RealServer) -> None:
    server.command("SET", "rate_limit:acme:chat", "7", "EX", "60")
    server.command("SET", "cache:profile:acme:1", "x", "EX", "60")
    server.command("LPUSH", "rate_limit:acme:list", "x")
    heard, ctx = Heard(), context(target_of(server.port))
    async with sampling(ctx, heard, REDIS) as sampler:
        limits = await heard.until("limits", lambda r: r.value and r.value.coverage.complete and len(r.value.rows) == 2)
        assert [row.state for row in limits.value.rows] == ["broken", "unknown limit"]
        cache = await heard.until("cache", lambda r: r.value.keys == 1 and r.coverage.complete)
        assert cache.value.kinds[0].totals.kind == b"profile"

        server.command("SET", "rate_limit:clinic_b:chat", "400")
        server.command("SET", "cache:profile:acme:2", "x")
        health = await heard.until("health", lambda report: "limits.immortal" in rules_of(report))
        assert health.overall == "critical"
        await heard.until("cache", lambda r: r.value.keys == 2)
        await heard.until("health", lambda report: "cache.no_ttl" in rules_of(report))
        assert sampler.cache_index.report().kinds[0].totals.without_ttl == 1

        server.command("SET", "cache:other:acme:3", "x", "PX", "90000")
        await heard.until(
            "cache", lambda _: sampler.cache_index.expires_ms(b"other", b"acme", b"cache:other:acme:3") > 0
        )
        left = sampler.cache_index.expires_ms(b"other", b"acme", b"cache:other:acme:3") - ctx.clock.mono() * 1000
        assert 30_000 < left <= 90_000

        sampler.watch_keys([b"cache:profile:acme:1"])
        details = await heard.until("details", lambda found: found)
        assert (details[0].type, details[0].gone) == ("string", False)
        server.command("UNLINK", "cache:profile:acme:1")
        await heard.until("cache", lambda r: r.value.keys == 2)


async def test_limits_come_from_an_address_that_serves_while_another_one_is_down(server: RealServer) -> None:
    server.command("SET", "{team:acme}:requests", "7", "EX", "60")
    page = (
        b'litellm_team_rate_limit_allowed_metric{rate_limit_type="requests",team="acme",team_alias="Acme Dental"} 9\n'
    )
    async with hostile_server() as gateway:
        gateway.on("/health/readiness", reply(b'{"status":"healthy"}'))
        gateway.on("/metrics/", reply(page, kind=b"text/plain; version=0.0.4"))
        urls = (f"http://127.0.0.1:{nobody_port()}", gateway.url)
        named = {"gateway_url": urls[0], "gateway_urls": urls, "dialect": load_preset("litellm")}
        heard, ctx = Heard(), context(target_of(server.port), **named)
        async with sampling(ctx, heard, (*REDIS, "gateway")):
            limits = await heard.until("limits", lambda one: one.value and [row.limit for row in one.value.rows] == [9])
    assert [row.alias for row in limits.value.rows] == ["Acme Dental"]


async def test_a_killed_server_leaves_the_last_rows_and_its_return_needs_no_restart_row_34(
    make_server: Callable[..., RealServer],
) -> None:
    server = make_server()
    server.command("SET", "rate_limit:acme:chat", "7", "EX", "600")
    for number in range(300):
        server.command("SET", f"cache:profile:acme:{number}", "x")
    heard = Heard()
    async with sampling(context(target_of(server.port)), heard, REDIS):
        before = await heard.until("limits", lambda r: r.value and len(r.value.rows) == 1)
        await heard.until("cache", lambda r: r.value.keys == 300 and r.coverage.complete)
        server.kill()
        stale = await heard.until("limits", lambda r: r.fault is not None)
        assert len(stale.value.rows) == 1
        assert stale.taken_mono >= before.taken_mono
        assert stale.retry_in is not None
        cache = await heard.until("cache", lambda r: r.fault is not None)
        assert (cache.value.keys, cache.coverage.complete) == (300, True)
        down = await heard.until("health", lambda report: "server.unreachable" in rules_of(report))
        assert down.overall == "critical"
        assert down.server.value is not None

        server.start()
        server.command("SET", "cache:profile:acme:new", "x", "EX", "60")
        await heard.until("health", lambda report: report.server.fault is None)
        fresh = await heard.until("cache", lambda r: r.fault is None and r.value.keys == 1 and r.coverage.complete)
        assert fresh.value.kinds[0].totals.without_ttl == 0
        await heard.until("limits", lambda r: r.fault is None and r.value.rows == ())


async def test_down_at_the_start_is_said_at_once_and_ends_by_itself_row_33(
    make_server: Callable[..., RealServer],
) -> None:
    server = make_server()
    server.kill()
    heard = Heard()
    async with sampling(context(target_of(server.port)), heard, REDIS):
        report = await heard.until("health", lambda report: report.server is not None)
        assert (report.server.value, report.server.fault.kind, report.overall) == (None, "refused", "critical")
        assert (await heard.until("limits", lambda r: r.fault)).value is None
        assert (await heard.until("cache", lambda r: r.fault)).value is None
        server.start()
        server.command("SET", "rate_limit:acme:chat", "7", "EX", "60")
        await heard.until("limits", lambda r: r.fault is None and len(r.value.rows) == 1)


async def test_a_denied_scan_costs_the_panes_that_need_it_and_no_other_row_40(
    make_server: Callable[..., RealServer],
) -> None:
    server = make_server()
    server.command("SET", "rate_limit:acme:chat", "7", "EX", "60")
    target = add_user(server, "noscan", "-scan -eval_ro")
    heard = Heard()
    async with sampling(context(target), heard, REDIS):
        limits = await heard.until("limits", lambda r: r.fault)
        assert (limits.value, limits.fault.kind) == (None, "denied")
        cache = await heard.until("cache", lambda r: r.fault)
        assert (cache.value, cache.fault.kind) == (None, "denied")
        health = await heard.until(
            "health", lambda report: {"limits.unmeasured", "cache.unmeasured"} <= rules_of(report) and report.server
        )
        assert health.server.fault is None
        assert "server.unreachable" not in rules_of(health)


async def test_a_denied_info_leaves_limits_and_keys_alone_row_40(make_server: Callable[..., RealServer]) -> None:
    server = make_server()
    server.command("SET", "rate_limit:acme:chat", "7", "EX", "60")
    target = add_user(server, "noinfo", "-info")
    heard = Heard()
    async with sampling(context(target), heard, REDIS):
        await heard.until("limits", lambda r: r.value and len(r.value.rows) == 1)
        await heard.until("cache", lambda r: r.value and r.coverage.complete)
        health = await heard.until("health", lambda report: "cache.hit_rate_unknown" in rules_of(report))
        assert health.server.value.info_fault.kind == "denied"


async def test_a_frozen_server_and_a_gateway_that_never_answers_cost_only_themselves_row_49(
    make_server: Callable[..., RealServer],
) -> None:
    server = make_server()
    server.command("SET", "rate_limit:acme:chat", "7", "EX", "600")
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen(50)
        ctx = context(
            target_of(server.port),
            gateway_url=f"http://127.0.0.1:{mute.getsockname()[1]}",
            engine_url=f"http://127.0.0.1:{nobody_port()}",
        )
        heard = Heard()
        async with sampling(ctx, heard, ("gateway", "engine", "postgres", *REDIS)):
            await heard.until("limits", lambda r: r.value and len(r.value.rows) == 1)
            engine = await heard.until("health", lambda report: report.engine and report.postgres)
            assert engine.engine.value.status == "disconnected"
            gateway = await heard.until("health", lambda report: report.gateway)
            assert (gateway.gateway.value.service.status, gateway.gateway.fault.kind) == ("error", "timeout")
            server.freeze()
            stale = await heard.until("limits", lambda r: r.fault)
            assert (stale.fault.kind, len(stale.value.rows)) == ("timeout", 1)
            server.thaw()
            await heard.until("limits", lambda r: r.fault is None)


async def test_an_idle_sampler_stays_within_fifty_round_trips_a_second(server: RealServer) -> None:
    server.command("EVAL", "for i=1,5000 do redis.call('SET','cache:k:t:'..i,'x','EX',600) end", "0")
    heard, ctx = Heard(), context(target_of(server.port), refresh_seconds=2.0)
    async with sampling(ctx, heard, (*REDIS, "feed")) as sampler:
        await heard.until("cache", lambda r: r.coverage.complete and r.value.keys == 5000)
        sampler.watch_keys([b"cache:k:t:%d" % number for number in range(1, 41)])
        await heard.until("details", lambda found: len(found) == 40)
        before, heard_before = ctx.own.trips, len(heard.reports["cache"])
        await asyncio.sleep(3.0)
        assert 3 <= ctx.own.trips - before <= 150
        since = heard.reports["cache"][heard_before:]
        assert all(reading.value.keys == 5000 for reading in since)


async def test_names_are_not_scanned_again_while_nothing_is_written(server: RealServer) -> None:
    server.command("SET", "cache:profile:acme:1", "x")
    heard, still = Heard(), Context(Settings(redis=target_of(server.port), scan=QUICK, refresh_seconds=0.5))
    async with sampling(still, heard, REDIS):
        await heard.until("cache", lambda r: r.value.keys == 1 and r.coverage.complete)
        first = len(heard.reports["cache"])
        look = heard.last("health").server.taken_mono
        await heard.until("health", lambda report: report.server.taken_mono > look + 3 * QUICK.names_every_seconds)
        assert len(heard.reports["cache"]) <= first + 1  # the server had not told yet what it counts before the first
        server.command("SET", "cache:profile:acme:2", "x")
        await heard.until("cache", lambda r: r.value.keys == 2)


async def test_names_are_as_of_the_servers_word_that_nothing_was_written_since(server: RealServer) -> None:
    server.command("SET", "cache:profile:acme:1", "x")
    tuning = Tuning(renew_seconds=0.5)
    still = Context(Settings(redis=target_of(server.port), scan=QUICK, refresh_seconds=0.5), tuning=tuning)
    heard = Heard()
    async with sampling(still, heard, REDIS):
        await heard.until("cache", lambda r: r.value.keys == 1 and r.coverage.complete)
        look = heard.last("health").server.taken_mono
        await heard.until("health", lambda report: report.server.taken_mono > look + 3 * QUICK.names_every_seconds)
        scans, last = scans_of(server), heard.last("cache").taken_mono
        renewed = await heard.until("cache", lambda r: r.taken_mono > last + 1.0)
        assert scans_of(server) == scans
        assert (renewed.value.keys, renewed.coverage.complete) == (1, True)


def scans_of(server: RealServer) -> list[str]:
    told = server.command("INFO", "commandstats").decode()
    return re.findall(r"cmdstat_(?:scan|eval_ro):calls=([0-9]+)", told)
