"""Looks that our own looks hold back, and counters of which a part cannot be read: neither is an outage, nor a zero."""

from typing import Any, cast

import msgspec
from redis.exceptions import ConnectionError as LostConnection

from optimus_tui.clock import Clock
from optimus_tui.contract.services import HITS, MISSES, REQUESTS
from optimus_tui.dialects.layout import own_layout
from optimus_tui.grammar.info import parse_exposition
from optimus_tui.history.samples.prometheus import read_answer
from optimus_tui.probes.http.integration import BUDGET_S, Timed, time_pings
from optimus_tui.probes.http.metrics import pick_series
from optimus_tui.settings.model import RedisTarget
from optimus_tui.tools.performance.traffic import _down


class _FarRedis:
    """Each PING moves the clock by so many seconds; ``error`` comes instead of the first answer."""

    def __init__(self, seconds: float, error: Exception | None = None) -> None:
        self.seconds, self.error, self.now, self.pings = seconds, error, 0.0, 0
        self.target, self.layout = RedisTarget(host="far", port=6379, db=0), own_layout()

    def mono(self) -> float:
        return self.now

    async def ping(self) -> None:
        self.pings += 1
        self.now += self.seconds
        if self.error:
            raise self.error


async def _pings(redis: _FarRedis) -> list[Timed]:
    return await time_pings(cast("Any", redis), cast("Clock", redis), 5)


async def test_a_ping_that_got_none_of_our_connections_does_not_make_redis_unreachable() -> None:
    looks = await _pings(_FarRedis(2.0, LostConnection("No connection available.")))
    [found] = _down({"redis": looks})
    assert (found.rule, found.severity) == ("server.unknown", "medium")


async def test_a_ping_without_an_answer_makes_redis_unreachable() -> None:
    [found] = _down({"redis": await _pings(_FarRedis(1.0, TimeoutError()))})
    assert (found.rule, found.severity) == ("server.unreachable", "critical")


async def test_pings_of_a_far_redis_end_within_their_budget_and_keep_two() -> None:
    quick, far, farther = _FarRedis(0.001), _FarRedis(0.9), _FarRedis(BUDGET_S)
    assert len(await _pings(quick)) == 5
    assert len(await _pings(far)) == 4
    assert len(await _pings(farther)) == 2


def test_a_counter_of_which_one_series_is_no_number_is_not_summed_from_the_rest() -> None:
    for value in ("+Inf", "NaN", "-5"):
        page = f'{REQUESTS}{{status="200"}} 90\n{REQUESTS}{{status="500"}} {value}\n'
        seen = pick_series(parse_exposition(page.encode()), {name: name for name in (REQUESTS,)})
        assert not seen.values, value
        assert (seen.malformed, seen.unread, seen.metrics) == (1, ("http_requests_total",), ())


def test_hits_are_not_counted_without_misses_that_are_no_number() -> None:
    page = f"{HITS} 90\n{MISSES} NaN\n{REQUESTS} 7\n"
    seen = pick_series(parse_exposition(page.encode()), {name: name for name in (REQUESTS, HITS, MISSES)})
    assert list(seen.values) == [REQUESTS]


def test_a_count_of_prometheus_that_is_no_number_is_marked() -> None:
    rows = [{"metric": {"job": "g"}, "values": [[1, "4"], [2, text]]} for text in ("5", "+Inf")]
    body = msgspec.json.encode({"status": "success", "data": {"resultType": "matrix", "result": rows}})
    assert [one.unread for one in read_answer(200, body)[0]] == [False, True]
