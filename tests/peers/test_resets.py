"""A reset under a profile, tried on the libraries themselves: after it each of them allows its whole limit again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from optimus_tui.contract.actions import ActionRequest, Plan
from optimus_tui.contract.keyspace import LimitRules
from optimus_tui.dialects.load import load_table
from tests.live.actions.driver import CALM, armed, carried_out
from tests.peers.driver import library
from tests.realserver import RealServer

pytestmark = [pytest.mark.live, pytest.mark.filterwarnings("ignore")]
TEN_AN_HOUR = LimitRules(window_seconds=3600, default=10)
"""No window ends while a test runs, but by the turn of an hour."""


def _limits(strategy: str) -> Callable[[RealServer, str], Callable[[], bool]]:
    def made(server: RealServer, tenant: str) -> Callable[[], bool]:
        storage = library("limits.storage").RedisStorage(f"redis://127.0.0.1:{server.port}")
        limiter = getattr(library("limits.strategies"), f"{strategy}RateLimiter")(storage)
        item = library("limits").parse("10/hour")
        return lambda: bool(limiter.hit(item, tenant, "chat"))

    return made


def _throttled(algorithm: str) -> Callable[[RealServer, str], Callable[[], bool]]:
    def made(server: RealServer, tenant: str) -> Callable[[], bool]:
        throttled = library("throttled")
        limiter = throttled.Throttled(
            key=f"{tenant}:chat",
            using=algorithm,
            quota=throttled.per_hour(10, burst=10),
            store=throttled.RedisStore(server=f"redis://127.0.0.1:{server.port}/0"),
        )
        return lambda: not limiter.limit().limited

    return made


def _pyrate(server: RealServer, tenant: str) -> Callable[[], bool]:
    pyrate, redis = library("pyrate_limiter"), library("redis").Redis(port=server.port)
    bucket = pyrate.RedisBucket.init([pyrate.Rate(10, 3_600_000)], redis, f"bucket:{tenant}:chat")
    limiter = pyrate.Limiter(bucket)
    return lambda: bool(limiter.try_acquire(tenant, blocking=False))


LIBRARIES: dict[str, tuple[str, Any]] = {
    **{f"limits, {one}": ("limits", _limits(one)) for one in ("FixedWindow", "MovingWindow", "SlidingWindowCounter")},
    **{
        f"throttled, {one}": ("throttled", _throttled(one))
        for one in ("fixed_window", "sliding_window", "token_bucket", "leaking_bucket", "gcra")
    },
    "pyrate": ("pyrate", _pyrate),
}


@pytest.mark.parametrize("name", LIBRARIES)
async def test_after_a_reset_the_library_allows_again(name: str, server: RealServer, tmp_path: Path) -> None:
    preset, made = LIBRARIES[name]
    acme, clinic = made(server, "acme"), made(server, "clinic_b")
    for hit in (acme, clinic):
        assert sum(hit() for _ in range(12)) == 10
    profile = load_table({"extends": preset, "writable_layout": True}, "test")
    async with armed(server.port, tmp_path, tuning=CALM, dialect=profile, limits=TEN_AN_HOUR) as service:
        plan = await service.plan(ActionRequest(kind="reset_counters", tenant=b"acme", operation=b"chat"))
        assert isinstance(plan, Plan), plan
        await carried_out(service, plan)
    assert not clinic()  # the other tenant is where it was
    assert sum(acme() for _ in range(12)) == 10
