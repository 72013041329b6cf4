""" "429 in": what the limits pane foretells for steady, bursty, slowing and quickening traffic. In real time."""

import asyncio
import math

from tests.worlds.catalogue import world
from tests.worlds.traffic import Total, bursts
from tests.worlds.world import World

LIMIT = 150
WINDOW = 60


async def _watch(w: World, count: Total, seconds: float) -> list[tuple[float, float | None, float | None]]:
    """(second, earliest, latest) of each report of the pane while the counter moves as told; None: no 429 foretold."""
    began = asyncio.get_running_loop().time()
    key = "rate_limit:acme:chat"

    async def move() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", w.redis.port)
        w.counter(key, math.floor(count(0)), ttl=WINDOW)
        while True:
            value = b"%d" % math.floor(count(asyncio.get_running_loop().time() - began))
            parts = [b"SET", key.encode(), value, b"KEEPTTL"]
            writer.write(b"*4\r\n" + b"".join(b"$%d\r\n%s\r\n" % (len(one), one) for one in parts))
            await reader.readline()
            await asyncio.sleep(0.05)

    mover = asyncio.create_task(move())
    rows: list[tuple[float, float | None, float | None]] = []
    w.context.own  # noqa: B018 - the context exists before the clock of the traffic counts
    panes = await w.panes(seconds, ("server", "limits", "keys", "gateway"))
    mover.cancel()
    offset = w.clock.mono() - (asyncio.get_running_loop().time() - began)
    for subject, report in panes.all:
        if subject == "limits" and report.value is not None and report.value.rows:
            row = report.value.rows[0]
            second = report.taken_mono - offset
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
