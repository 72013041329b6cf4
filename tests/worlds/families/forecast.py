""" "429 in": what the limits pane foretells for steady, bursty, slowing and quickening traffic. In real time."""

import asyncio
import math
import re

from tests.worlds.catalogue import world
from tests.worlds.traffic import Total, bursts
from tests.worlds.world import World

LIMIT = 150
WINDOW = 60


async def _watch(w: World, count: Total, seconds: float) -> list[tuple[float, float | None, float | None]]:
    """(second, earliest, latest) of each report of the pane while the counter moves as told; None: no 429 foretold."""
    _ = w.context
    async with w.moving("rate_limit:acme:chat", count, WINDOW) as began:
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


def _judge(w: World, rows: list[tuple[float, float | None, float | None]], reached: float | None, since: float) -> None:
    asked = [row for row in rows if row[0] >= since and (reached is None or row[0] < reached)]
    told = [(second, low, high) for second, low, high in asked if low is not None and high is not None]
    if reached is None:
        part = len(told) / max(1, len(asked))
        w.expect("no 429 comes", "foretold in at most 15 % of all seconds", f"{part:.0%} of {len(asked)}", part <= 0.15)
        return
    good = [row for row in told if _hit(reached - row[0], row[1], row[2])]
    share = len(told) / max(1, len(asked))
    w.expect(
        "a 429 is foretold",
        "in at least half of all looks",
        f"{share:.0%} of {len(asked)}",
        share >= 0.5,
        unknown=not told,
    )
    words = ", ".join(f"{reached - second:.1f}: {low:.1f}-{high:.1f}" for second, low, high in told[:6])
    right = len(good) >= 0.8 * len(told)
    w.expect(
        "what is foretold is true", "the moment lies in 80 % of all ranges", f"{len(good)}/{len(told)} ({words})", right
    )


@world()
async def steady_towards_the_limit(w: World) -> None:
    """5 requests/s from 80 on: the limit is reached after 14 s."""
    rows = await _watch(w, lambda t: 80 + 5 * t, 13)
    _judge(w, rows, 14, since=4)


@world(healthy=True)
async def slowing_below_the_limit(w: World) -> None:
    """10 requests/s at first, fading with a time constant of 5 s: 60 to 110 of 150, no 429 ever."""
    rows = await _watch(w, lambda t: 60 + 50 * (1 - math.exp(-t / 5)), 15)
    _judge(w, rows, None, since=3)


@world()
async def quickening_towards_the_limit(w: World) -> None:
    """Traffic that doubles every 3 s: 150 is reached after 14 s."""
    rate = math.log(2) / 3
    scale = 130 / (math.exp(rate * 14) - 1)
    rows = await _watch(w, lambda t: 20 + scale * (math.exp(rate * t) - 1), 13.5)
    _judge(w, rows, 14, since=10)


@world()
async def bursty_towards_the_limit(w: World) -> None:
    """Half a second of 12 requests/s, half a second of silence: 6/s on average, 150 is reached after about 15 s."""
    total = bursts(12, 0.5, 0.5)
    rows = await _watch(w, lambda t: 60 + total(t), 14)
    _judge(w, rows, 15, since=4)


@world(healthy=True)
async def a_window_that_restarts(w: World) -> None:
    """100 of 150, then the window ends and it counts from 0 again, slowly: the fall is no trouble."""
    rows = await _watch(w, lambda t: 100 + t if t < 4 else (t - 4) * 1.5, 10)
    _judge(w, rows, None, since=5)


async def _told(w: World, count: Total, wait: float) -> tuple[float | None, float, str]:
    """(seconds to a 429 as the tool tells, when it told it, its words) of a counter moving since ``wait`` s."""
    _ = w.context
    async with w.moving("rate_limit:acme:chat", count, WINDOW) as began:
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
    told, asked, words = await _told(w, lambda t: 90 + 4 * t, 3)
    right = told is not None and abs(told - (15 - asked)) <= 0.3 * (15 - asked) + 1
    w.expect("seconds to a 429", f"about {15 - asked:.0f}, or not told", words, right, unknown=told is None)


@world()
async def the_tool_and_traffic_that_stopped(w: World) -> None:
    """120 of 150 were used in the first half of the window, then nobody asked any more: no 429 comes."""
    told, _, words = await _told(w, lambda t: 120, 1)
    w.expect("seconds to a 429", "none", words, told is None)


@world()
async def the_tool_and_one_burst(w: World) -> None:
    """Silence at 40, and a single burst of 12 requests while the tool looks: no 429 comes."""
    told, _, words = await _told(w, lambda t: 40 + (12 if t > 2.0 else 0), 1.5)
    w.expect("seconds to a 429", "none, or as about", words, told is None, unknown="about" in words or "rough" in words)
