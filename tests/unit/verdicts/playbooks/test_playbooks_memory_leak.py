"""memory_leak: a slope with its confidence, or nothing. Most of what grows is no leak."""

import math
import random
from collections.abc import Callable

import pytest

from optimus_tui.contract.keyspace import GroupTotals, KindTotals
from optimus_tui.contract.reading import Fault
from optimus_tui.contract.services import Grown, MemoryState
from optimus_tui.verdicts.playbooks.conclusion import Conclusion
from optimus_tui.verdicts.playbooks.memory_leak import MemoryEvidence, conclude
from optimus_tui.verdicts.statistics import trend
from tests.unit.verdicts.playbooks.driver import DENIED, GONE, MB, T, cache, found, gateway, server, window

N = 180
DICE = random.Random(7)
CALM = MemoryState(used=100 << 20, limit=256 << 20, policy="volatile-ttl", client_buffers=1 << 20, clients=20)
Shape = Callable[[int], float]
FLAT: Shape = lambda n: 100 * MB + DICE.gauss(0, 2 * MB)  # noqa: E731
LEAK: Shape = lambda n: 100 * MB + n / N * 30 * MB + DICE.gauss(0, MB / 2)  # noqa: E731
NO_LEAKS: dict[str, Shape] = {
    "flat": FLAT,
    "sawtooth": lambda n: 100 * MB + n % 30 / 30 * 40 * MB,
    "a tooth and a half": lambda n: 100 * MB + n % 120 / 120 * 40 * MB,
    "warming up": lambda n: 100 * MB + 50 * MB * (1 - math.exp(-n / 20)),
    "one step": lambda n: (150 if n > N / 2 else 100) * MB + DICE.gauss(0, MB / 4),
    "a wave": lambda n: 100 * MB + 20 * MB * math.sin(n / N * 2 * math.pi),
    "one wild sample": lambda n: (900 if n == 90 else 100) * MB,
    "nothing": lambda n: 0.0,
}


def ask(used: Shape | None = FLAT, rss: Shape | None = FLAT, **more: object) -> Conclusion:
    windows = {
        "redis.memory": window(used(n) for n in range(N)) if used else window([]),
        "gateway.rss": window(rss(n) for n in range(N)) if rss else window([]),
    }
    fields = {"gateway": gateway(), "server": server(), "memory": CALM, "windows": windows, "cache": cache(), **more}
    return conclude(MemoryEvidence(**fields), T)  # type: ignore[arg-type]


def test_an_even_system_is_not_accused_where_the_predecessor_always_said_high() -> None:
    told = ask()
    assert found(told) == {}
    assert told.recommendations == ()
    assert "95 %" in told.examined[0]
    assert (told.source, told.covered_minutes) == ("history", 30.0)


def test_a_moment_tells_no_slope() -> None:
    told = ask(None, None)
    assert found(told) == {}
    assert any("at least 10 over 5 min are needed for a slope" in line for line in told.unknown)
    assert told.analysis["slopes"] == {"redis.memory": None, "gateway.rss": None}
    assert told.recommendations[-1].command == "optimus-tui record"


@pytest.mark.parametrize("shape", NO_LEAKS.values(), ids=NO_LEAKS)
def test_what_is_no_leak_is_not_called_one(shape: Shape) -> None:
    assert found(ask(shape, shape)) == {}


def test_random_walks_are_seldom_called_leaks() -> None:
    accused = 0
    for _ in range(60):
        level, samples = 100 * MB, []
        for n in range(N):
            level += DICE.gauss(0, MB / 2)
            samples.append((n * 10.0, level))
        known = trend(samples, least_rise=MB)
        accused += known is not None and known.growing
    assert accused <= 6


def test_a_leak_is_found_with_its_slope_and_its_interval() -> None:
    told = ask(rss=LEAK)
    (one,) = told.findings
    assert (one.rule, one.severity, one.subject, one.samples) == (
        "memory.growth", "medium", "the gateway's resident memory", N,
    )  # fmt: skip
    assert 55 * MB < float(one.measured or 0) < 65 * MB
    slope = told.analysis["slopes"]["gateway.rss"]
    assert slope["confidence_low"] < slope["slope_per_hour"] < slope["confidence_high"]


def test_a_leak_that_will_reach_maxmemory_within_a_day_is_high() -> None:
    assert found(ask(LEAK)) == {"memory.growth": "high"}
    roomy = MemoryState(used=100 << 20, limit=256 << 30)
    assert found(ask(LEAK, memory=roomy)) == {"memory.growth": "medium"}
    assert found(ask(LEAK, memory=MemoryState(used=100 << 20))) == {"memory.growth": "medium"}


def test_the_namespace_that_grows_with_it_is_named() -> None:
    windows = {
        "redis.memory": window(LEAK(n) for n in range(N)),
        "gateway.rss": window(FLAT(n) for n in range(N)),
        "cache.kind.conversation": window(1000 + 10 * n for n in range(N)),
        "cache.kind.profile": window(50.0 for _ in range(N)),
    }
    told = ask(windows=windows)
    assert list(told.analysis["growth_by_namespace"]) == ["cache.kind.conversation", "cache.kind.profile"]
    assert "cache.kind.conversation" in told.findings[0].impact


def test_the_window_asked_for_decides_what_is_seen() -> None:
    values = [100 * MB] * 90 + [100 * MB + n * MB for n in range(90)]
    whole, late = window(values), window(values[90:])
    flat = window(FLAT(n) for n in range(N))
    assert found(ask(windows={"redis.memory": late, "gateway.rss": flat})) == {"memory.growth": "high"}
    assert found(ask(windows={"redis.memory": whole, "gateway.rss": flat})) == {}


def test_keys_without_ttl_are_low() -> None:
    totals = GroupTotals(
        kind=b"conv", tenant=None, keys=5, without_ttl=3, bytes_used=None, bytes_exact=False, histogram=(0,) * 7
    )
    assert found(ask(cache=cache(kinds=(KindTotals(totals, ()),), keys=5))) == {"cache.no_ttl": "low"}


def test_buffers_are_judged_by_their_share_and_their_size() -> None:
    fat = MemoryState(used=100 << 20, client_buffers=40 << 20, largest_output=9 << 20, clients=3)
    assert found(ask(memory=fat)) == {"memory.client_buffers": "medium", "memory.output_buffer": "low"}
    assert found(ask(memory=MemoryState(used=1 << 20, client_buffers=900_000))) == {}
    assert "client buffers: this server does not report them" in ask(memory=MemoryState(used=1)).unknown


def test_faults_cost_their_own_part() -> None:
    assert found(ask(memory=DENIED)) == {"memory.unmeasured": "medium"}
    assert found(ask(server=server(GONE), memory=GONE, cache=GONE)) == {"server.unreachable": "critical"}
    told = ask(windows={"redis.memory": Fault("timeout", "no answer"), "gateway.rss": window([])})
    assert found(told) == {}
    assert "slope of Redis memory: no answer" in told.unknown


def test_a_gateway_that_restarts_cannot_show_a_leak_and_the_restarts_are_told() -> None:
    loop = Grown(processes=40, restarts=39, together=1, covered_minutes=10.0, lower_bound=True)
    told = ask(requests=loop)
    assert [one.rule for one in told.findings] == ["gateway.restarts"]
    assert any("a process that restarts cannot show a leak" in line for line in told.unknown)
    once = Grown(processes=2, restarts=1, together=1, covered_minutes=30.0)
    assert not any("restart" in line for line in ask(requests=once).unknown)
    mixed = Grown(several=True, fault=Fault("invalid", "several processes answer here: no rates"))
    assert "slope of the gateway's resident memory: several processes answer here" in ask(requests=mixed).unknown
