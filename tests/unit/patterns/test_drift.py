"""Code ↔ live: what routers declare against what Redis shows."""

from optimus_tui.patterns.drift import Declared, Observed, drift
from tests.patterns_tree import judged

DECLARED = Declared(frozenset({"chat", "export"}), frozenset({"product", "profile"}))


def _kinds(seen: Observed) -> list[tuple[str, str]]:
    return [(one.kind, one.name) for one in drift(DECLARED, seen)]


def test_every_difference_is_told_the_worst_first() -> None:
    seen = Observed(frozenset({"chat", "login"}), frozenset({"product", "session"}), {"product": 3}, complete=True)
    assert _kinds(seen) == [
        ("key without TTL", "product"),
        ("operation undeclared", "login"),
        ("kind undeclared", "session"),
        ("operation never seen", "export"),
        ("kind never seen", "profile"),
    ]


def test_what_was_not_seen_is_not_judged_where_not_all_was_read() -> None:
    seen = Observed(frozenset({"chat"}), frozenset({"product"}), {}, complete=False)
    assert _kinds(seen) == []


def test_agreement_is_no_finding() -> None:
    assert _kinds(Observed(DECLARED.operations, DECLARED.kinds, {}, complete=True)) == []


def test_a_key_without_ttl_of_a_kind_nobody_declares_is_undeclared_only() -> None:
    seen = Observed(DECLARED.operations, frozenset({*DECLARED.kinds, "odd"}), {"odd": 1}, complete=True)
    assert _kinds(seen) == [("kind undeclared", "odd")]


def test_operations_and_kinds_are_read_from_the_source() -> None:
    source = """
from fastapi import APIRouter, Depends
from x import rate_limited, limiter, cache
KIND = "price"
router = APIRouter()

@router.get("/a", dependencies=[Depends(rate_limited("list_prices"))])
async def a(tenant, redis):
    await limiter.check(tenant, "extra")
    await cache.fetch(KIND, tenant, load=None)
    await redis.incr(f"rate_limit:{tenant}:own")
    return await redis.get(f"cache:offer:{tenant}:1")
"""
    verdict = judged(source)
    assert verdict.operations == ("extra", "list_prices", "own")
    assert verdict.kinds == ("offer", "price")
