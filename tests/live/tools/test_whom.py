"""Whom a tool examines where no tenant was given, and what tenants whose names are hashes are called."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from optimus_tui.dialects.load import load_preset
from optimus_tui.settings.tuning import Tuning
from optimus_tui.tools.compare import compare
from tests.hostile import reply
from tests.live.tools.driver import ask, system
from tests.realserver import RealServer

QUICK = Tuning(apart_seconds=0.02, slope_seconds=0.1)
LIMITING, HASH = {"issue_type": "rate_limiting"}, "88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b"
OTHER = HASH[::-1]
GAUGES = f"""litellm_api_key_rate_limit_allowed_metric{{api_key_alias="robot",hashed_api_key="{HASH}",\
rate_limit_type="requests"}} 5
litellm_api_key_rate_limit_allowed_metric{{hashed_api_key="{OTHER}",rate_limit_type="requests"}} 100
"""


async def test_of_our_own_system_the_default_tenant_is_examined(server: RealServer, tmp_path: Path) -> None:
    server.command("SET", "rate_limit:beta:chat", "200", "EX", "50")
    async with system(server.port, tmp_path, tuning=QUICK) as (ctx, _):
        document = await ask(ctx, "troubleshoot_production_issue", **LIMITING)
    assert (document["tenant_id"], document["diagnostics"]) == ("demo_dentist", [])
    assert not any("no tenant was given" in one for one in document["examined"]) and "aliases" not in document


async def test_of_another_system_the_worst_tenant_is_examined(server: RealServer, tmp_path: Path) -> None:
    for tenant, count in (("acme", "9"), ("beta", "20")):
        server.command("SET", f"LIMITS:LIMITER/{tenant}//api/chat/10/1/minute", count, "EX", "50")
    async with system(server.port, tmp_path, tuning=QUICK, dialect=load_preset("limits")) as (ctx, _):
        document = await ask(ctx, "troubleshoot_production_issue", **LIMITING)
        assert document["tenant_id"] == "beta"
        assert document["examined"][0].startswith("no tenant was given: the one with the fullest counter was examined")
        assert [one["subject"] for one in document["diagnostics"]] == ["beta / /api/chat per 1 min"]
        server.command("SET", "LIMITS:LIMITER/demo_dentist//api/chat/10/1/minute", "3", "EX", "50")
        document = await ask(ctx, "troubleshoot_production_issue", **LIMITING)
        assert (document["tenant_id"], document["severity_assessment"]) == ("demo_dentist", "none")


async def test_no_tenant_of_ours_is_examined_in_another_system(server: RealServer, tmp_path: Path) -> None:
    server.command("SET", "rl:acme", "7", "EX", "50")
    profile = load_preset("express")
    async with system(server.port, tmp_path, tuning=QUICK, dialect=profile) as (ctx, _):
        document = await ask(ctx, "troubleshoot_production_issue", **LIMITING)
        assert document["tenant_id"] == "acme" and "no limit is known" in document["examined"][0]
        health = await ask(ctx, "diagnose_gateway_health")
        assert health["rate_limiting"]["tenant_id"] == "acme"
        server.command("DEL", "rl:acme")
        document = await ask(ctx, "troubleshoot_production_issue", **LIMITING)
        assert (
            document["tenant_id"] == "" and "no tenant was given, and no counter was found" in document["examined"][0]
        )


async def test_a_question_that_is_given_up_asks_the_gateway_no_longer(server: RealServer, tmp_path: Path) -> None:
    asked, end = asyncio.Event(), asyncio.Event()

    async def silent(_: Any) -> None:
        asked.set()
        await end.wait()

    async with system(server.port, tmp_path, tuning=QUICK) as (ctx, gateway):
        gateway.on("/health", silent)
        asking = asyncio.ensure_future(ask(ctx, "troubleshoot_production_issue", **LIMITING))
        await asked.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        asks = (task for task in asyncio.all_tasks() if "EvidenceReader.gateway" in repr(task.get_coro()))
        left = [task for task in asks if not task.cancelling()]
        end.set()
    assert left == []


async def test_hashes_are_short_and_joined_to_their_aliases_on_every_surface(
    server: RealServer, tmp_path: Path
) -> None:
    for name, count in ((HASH, "9"), (OTHER, "120")):
        server.command("SET", f"{{api_key:{name}}}:requests", count, "EX", "55")
        server.command("SET", f"{{api_key:{name}}}:window", str(int(time.time())), "EX", "55")
    async with system(server.port, tmp_path, tuning=QUICK, dialect=load_preset("litellm")) as (ctx, gateway):
        ctx.settings = structs.replace(ctx.settings, engine_url="")
        gateway.on("/health/readiness", reply(b'{"status":"healthy"}'))
        gateway.on("/metrics/", reply(GAUGES.encode(), kind=b"text/plain"))
        document = await ask(ctx, "troubleshoot_production_issue", **LIMITING)
        assert document["tenant_id"] == HASH and document["aliases"] == {HASH: "robot"}
        found = next(one for one in document["diagnostics"] if one["rule"] == "limits.over")
        assert found["message"].startswith("robot (88dc28d0…) / requests")
        assert found["subject"] == f"{HASH} / requests per 1 min"
        assert HASH not in str([one["action"] for one in document["recommendations"]] + document["examined"])
        health = await ask(ctx, "diagnose_gateway_health")
        words = " ".join(one["message"] for one in health["diagnostics"])
        assert "robot (88dc28d0…)" in words and OTHER[:8] + "…" in words and HASH not in words
        report = await compare(ctx, [HASH.encode(), OTHER.encode()], 5)
        assert report.aliases == {HASH: "robot"}
        assert not any(name in one.message for one in report.diagnostics for name in (HASH, OTHER))
        report = await compare(ctx, [b"robot", OTHER.encode()], 5)
        assert [(one.tenant_id, one.counters, one.over) for one in report.tenants] == [(HASH, 1, 1), (OTHER, 1, 1)]
        health = (await ask(ctx, "diagnose_gateway_health", tenant_id="robot"))["rate_limiting"]
        assert health["status"] == "unknown" and HASH in health["error"], "0 counters of an alias prove nothing"
        gateway.on("/metrics/", reply((GAUGES + GAUGES.replace(HASH, "x" + HASH[1:])).encode(), kind=b"text/plain"))
        report = await compare(ctx, [b"robot", OTHER.encode()], 5)
        assert f"counters: robot is what the metrics call {HASH}, x{HASH[1:]}: " in report.unknown[0]


async def test_limits_that_the_names_say_are_not_called_unknown(server: RealServer, tmp_path: Path) -> None:
    for tenant in ("acme", "beta"):
        server.command("SET", f"LIMITS:LIMITER/{tenant}//api/chat/10/1/minute", "12", "EX", "50")
    async with system(server.port, tmp_path, tuning=QUICK, dialect=load_preset("limits")) as (ctx, gateway):
        gateway.on("/api/rate-limits", reply(b"", b"404 Not Found"))
        report = await compare(ctx, [b"acme", b"beta"], 5)
        assert [one.limit for one in report.tenants] == [10, 10]
        assert not any(one.startswith("limits:") for one in report.unknown)
