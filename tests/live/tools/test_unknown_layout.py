"""Keys in a layout that nobody here understands: every surface says so, none says that all is well."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from optimus_tui.tools.standup import standup
from tests.live.tools.driver import ask, pipe, system
from tests.realserver import RealServer

pytestmark = pytest.mark.live
FOREIGN = (
    *((b"SET", b"LIMITS:LIMITER/10.0.0.%d/chat/5/1/minute" % place, b"5", b"EX", b"60") for place in range(9)),
    *((b"SET", b"session:%d" % place, b"x") for place in range(6)),
)


@pytest.fixture
def foreign(server: RealServer) -> RealServer:
    pipe(server.port, *FOREIGN)
    return server


async def test_the_health_tool_says_which_shapes_there_are(foreign: RealServer, tmp_path: Path) -> None:
    async with system(foreign.port, tmp_path) as (context, _):
        document = await ask(context, "diagnose_gateway_health")
    assert document["rate_limiting"]["status"] == "unknown"
    assert document["rate_limiting"]["error"].startswith("15 keys, none in a known layout: 9 × `LIMITS:LIMITER/…`")
    assert document["cache_metrics"]["unknown_layout"] == {
        "count": 15,
        "shapes": [{"shape": "LIMITS:LIMITER/…", "count": 9}, {"shape": "session:…", "count": 6}],
    }
    (found,) = [one for one in document["diagnostics"] if one["rule"] == "limits.unknown_layout"]
    assert found["severity"] == "warning"
    assert found["message"] == document["rate_limiting"]["error"]  # one sentence, said once
    assert document["overall_status"] == "needs_attention"


async def test_other_names_beside_no_counter_are_a_note_where_they_are_no_limiters(
    server: RealServer, tmp_path: Path
) -> None:
    pipe(server.port, (b"SET", b"session:1", b"x"), (b"SET", b"cache:chat:acme:1", b"x", b"EX", b"60"))
    async with system(server.port, tmp_path) as (context, _):
        document = await ask(context, "diagnose_gateway_health")
    assert document["rate_limiting"]["status"] == "unknown"
    assert document["overall_status"] == "healthy"
    (found,) = [one for one in document["diagnostics"] if one["rule"] == "limits.unknown_layout"]
    assert found["message"] == "no rate-limit counter, but 1 key in an unknown layout: 1 × `session:…`"


async def test_a_known_counter_beside_them_is_good_news(foreign: RealServer, tmp_path: Path) -> None:
    pipe(foreign.port, (b"SET", b"rate_limit:acme:chat", b"3", b"EX", b"60"))
    async with system(foreign.port, tmp_path) as (context, _):
        document = await ask(context, "diagnose_gateway_health")
    assert document["rate_limiting"]["status"] == "ok"
    assert document["cache_metrics"]["unknown_layout"]["count"] == 15
    assert not [one for one in document["diagnostics"] if one["rule"] == "limits.unknown_layout"]


@pytest.mark.parametrize("name", [b"integration_test:acme:1", b"optimus:lock:acme"])
async def test_our_own_key_is_no_foreign_name(server: RealServer, tmp_path: Path, name: bytes) -> None:
    pipe(server.port, (b"SET", name, b"x", b"EX", b"60"))
    async with system(server.port, tmp_path) as (context, _):
        document = await ask(context, "diagnose_gateway_health")
    assert document["rate_limiting"]["status"] == "ok"
    assert document["cache_metrics"]["unknown_layout"] == {"count": 0, "shapes": []}


async def test_the_coherence_tool_says_it_too(foreign: RealServer, tmp_path: Path) -> None:
    async with system(foreign.port, tmp_path) as (context, _):
        document = await ask(context, "analyze_cache_coherence")
    assert document["cache_coherence_analysis"]["unknown_layout"]["count"] == 15
    assert "cache.unknown_layout" in [one["rule"] for one in document["diagnostics"]]


@pytest.mark.parametrize("issue", ["rate_limiting", "cache_miss", "memory_leak"])
async def test_the_playbooks_about_keys_say_it(foreign: RealServer, tmp_path: Path, issue: str) -> None:
    async with system(foreign.port, tmp_path) as (context, _):
        document = await ask(context, "troubleshoot_production_issue", issue_type=issue)
    assert "LIMITS:LIMITER/…" in json.dumps(document, ensure_ascii=False)


async def test_the_stand_up_does_not_count_nought_counters(foreign: RealServer, tmp_path: Path) -> None:
    async with system(foreign.port, tmp_path) as (context, _):
        report = await standup(context)
    assert report.limits.counters is None
    assert "LIMITS:LIMITER/…" in (report.limits.error or "")
    assert "limits.unknown_layout" in [one.rule for one in report.findings]


async def test_a_hundred_thousand_hostile_names_make_a_small_document(
    make_server: Callable[..., RealServer], tmp_path: Path
) -> None:
    server = make_server()
    for start in range(0, 100_000, 10_000):
        pipe(
            server.port,
            *((b"SET", b"\x1b[2J%x:%x:\xff" % (n * 7919 % 99_991, n), b"x") for n in range(start, start + 10_000)),
        )
    async with system(server.port, tmp_path) as (context, _):
        document = await ask(context, "diagnose_gateway_health")
    layout = document["cache_metrics"]["unknown_layout"]
    assert len(layout["shapes"]) <= 10
    assert sum(one["count"] for one in layout["shapes"]) == layout["count"] > 1_000
    assert "\x1b" not in json.dumps(document, ensure_ascii=False)
