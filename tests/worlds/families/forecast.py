""" "429 in": what the limits pane foretells for steady, bursty, slowing and quickening traffic. In real time."""

import asyncio
import math
import re

from tests.worlds.catalogue import world
from tests.worlds.traffic import Total, bursts
from tests.worlds.world import World

LIMIT = 150
WINDOW = 60


async def watch(
    w: World, count: Total, seconds: float, age: float = 0.0
) -> list[tuple[float, float | None, float | None]]:
    """(second, earliest, latest) of each report of the pane while the counter moves as told; None: no 429 foretold.

    ``age``: for how many seconds the window has been running when the world begins.
    """
    _ = w.context
    async with w.moving("rate_limit:acme:chat", count, WINDOW - age) as began:
        panes = await w.panes(seconds, ("server", "limits", "keys", "gateway"))
    rows: list[tuple[float, float | None, float | None]] = []
    for subject, report in panes.all:
        if subject == "limits" and report.value is not None and report.value.rows:
            row = report.value.rows[0]
            second = report.taken_mono - began
            earliest = row.refused_in
            latest = getattr(row, "refused_latest", None)
            rows.append((second, earliest, earliest if latest is None else latest))
    return rows


def _hit(true: float, earliest: float, latest: float) -> bool:
    """The moment lies in what was foretold, ±20 % and a second."""
    return earliest * 0.8 - 1 <= true <= latest * 1.2 + 1


def judge_forecast(
    w: World, rows: list[tuple[float, float | None, float | None]], reached: float | None, since: float
) -> None:
    asked = [row for row in rows if row[0] >= since and (reached is None or row[0] < reached)]
    told = [(second, low, high) for second, low, high in asked if low is not None and high is not None]
    part = len(told) / max(1, len(asked))
    share = f"{part:.0%} of {len(asked)}"
    if reached is None:
        w.expect("no 429 comes", "foretold in at most 15 % of all looks", share, part <= 0.15)
        return
    w.expect("a 429 is foretold", "in half of all looks or more", share, part >= 0.5, unknown=part > 0)
    good = [row for row in told if _hit(reached - row[0], row[1], row[2])]
    words = ", ".join(f"{reached - second:.1f}: {low:.1f}-{high:.1f}" for second, low, high in told[:6])
    right = len(told) - len(good) <= max(0.25 * len(told), 1)
    w.expect("what is foretold is true", "the moment lies in the ranges", f"{len(good)}/{len(told)} ({words})", right)


@world()
async def steady_towards_the_limit(w: World) -> None:
    """5 requests/s from 80 on: the limit is reached after 14 s."""
    rows = await watch(w, lambda t: 80 + 5 * t, 13, age=16)
    judge_forecast(w, rows, 14, since=4)


@world(healthy=True)
async def slowing_below_the_limit(w: World) -> None:
    """10 requests/s at first, fading with a time constant of 5 s: 60 to 110 of 150, no 429 ever."""
    rows = await watch(w, lambda t: 60 + 50 * (1 - math.exp(-t / 5)), 15, age=5)
    judge_forecast(w, rows, None, since=3)


@world()
async def quickening_towards_the_limit(w: World) -> None:
    """Traffic that doubles every 3 s: 150 is reached after 14 s."""
    rate = math.log(2) / 3
    scale = 130 / (math.exp(rate * 14) - 1)
    rows = await watch(w, lambda t: 20 + scale * (math.exp(rate * t) - 1), 13.5, age=9)
    judge_forecast(w, rows, 14, since=7)


@world()
async def bursty_towards_the_limit(w: World) -> None:
    """Half a second of 12 requests/s, half a second of silence: 6/s on average, 150 is reached after about 15 s."""
    total = bursts(12, 0.5, 0.5)
    rows = await watch(w, lambda t: 60 + total(t), 14, age=10)
    judge_forecast(w, rows, 15, since=4)


@world(healthy=True)
async def a_window_that_restarts(w: World) -> None:
    """100 of 150, then the window ends and it counts from 0 again, slowly: the fall is no trouble."""
    rows = await watch(w, lambda t: 100 + t if t < 4 else (t - 4) * 1.5, 10)
    judge_forecast(w, rows, None, since=5)


async def _told(w: World, count: Total, wait: float, age: float) -> tuple[float | None, float, str]:
    """(seconds to a 429 as the tool tells, when it told it, its words) of a counter moving since ``wait`` s."""
    _ = w.context
    async with w.moving("rate_limit:acme:chat", count, WINDOW - age) as began:
        await asyncio.sleep(wait)
        answer = await w.trouble("rate_limiting")
        asked = w.clock.mono() - began
    operations = answer.doc["rate_limiting_details"].get("operations") or [{}]
    told = [value for name, value in operations[0].items() if "429" in name and isinstance(value, int | float)]
    words = " ".join(one for one in answer.doc["examined"] if re.search("pace|429|slope", one))
    return (told[0] if told else None), asked, f"{operations[0]} {words}"


@world()
async def the_tool_and_steady_traffic(w: World) -> None:
    """4 requests/s from 90 on: the limit is reached after 15 s; asked after 3 s."""
    told, asked, words = await _told(w, lambda t: 90 + 4 * t, 3, age=22)
    right = told is not None and abs(told - (15 - asked)) <= 0.3 * (15 - asked) + 1
    w.expect("seconds to a 429", f"about {15 - asked:.0f}, or not told", words, right, unknown=told is None)


@world()
async def the_tool_and_traffic_that_stopped(w: World) -> None:
    """120 of 150 were used in the first half of the window, then nobody asked any more: no 429 comes."""
    told, _, words = await _told(w, lambda t: 120, 1, age=30)
    w.expect("seconds to a 429", "none", words, told is None)


@world()
async def the_tool_and_one_burst(w: World) -> None:
    """Silence at 40, and a single burst of 12 requests while the tool looks: no 429 comes."""
    told, _, words = await _told(w, lambda t: 40 + (12 if t > 2.0 else 0), 1.5, age=20)
    w.expect(
        "seconds to a 429",
        "none, or as about",
        words,
        told is None,
        unknown="about" in words or "'rough': True" in words,
    )


@world()
async def a_burst_at_the_start_and_then_steady(w: World) -> None:
    """60 requests in the window's first moment, then 3/s: the limit is reached after 30 s of 60."""
    rows = await watch(w, lambda t: 60 + 3 * t, 28)
    told = [
        (30 - second, low, high) for second, low, high in rows if second >= 12 and low is not None and high is not None
    ]
    good = [row for row in told if _hit(*row)]
    w.expect(
        "a 429",
        "true where it is foretold",
        f"{len(good)} of {len(told)}",
        len(good) == len(told) > 0,
        unknown=not told,
    )


@world(healthy=True)
async def steady_but_the_window_ends_first(w: World) -> None:
    """2 requests/s from 60 on, and the window ends in 10 s: it will have counted 80 of 150."""
    rows = await watch(w, lambda t: 60 + 2 * t, 9, age=50)
    judge_forecast(w, rows, None, since=3)
