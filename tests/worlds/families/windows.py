"""Windows of 1 to 30 minutes, gaps of the recorder and changing traffic: a figure has one span."""

from tests.worlds.catalogue import world
from tests.worlds.traffic import answering, bursts, phases, share, steady
from tests.worlds.world import World


@world(past=12, fast=True, healthy=True)
async def steady_traffic(w: World) -> None:
    """18 requests/s, every window tells 18."""
    w.gateway.runs(answering(steady(18)))
    await w.record(minutes=12)
    for minutes in (1, 2, 3, 10):
        w.rate(f"throughput of {minutes} min", await w.performance("throughput", minutes), 18)
    w.spared("error rate", await w.performance("error_rate", 3))


@world(past=31)
async def steady_for_half_an_hour(w: World) -> None:
    """18 requests/s over half an hour, 3 % of them failing: each window says both."""
    w.gateway.runs(answering(steady(17.46), steady(0.54)))
    await w.record(minutes=31)
    for minutes in (1, 2, 3, 10, 30):
        w.rate(f"throughput of {minutes} min", await w.performance("throughput", minutes), 18)
        w.errors(f"error rate of {minutes} min", await w.performance("error_rate", minutes), 0.03)


@world(past=12, fast=True, healthy=True)
async def gap_of_the_recorder(w: World) -> None:
    """18 requests/s; the recorder was off for four minutes, three minutes ago."""
    w.gateway.runs(answering(steady(18)))
    await w.record(minutes=5)
    await w.unwatched(minutes=4)
    await w.record(minutes=3)
    for minutes in (2, 5, 10):
        w.rate(f"throughput of {minutes} min", await w.performance("throughput", minutes), 18)


@world(past=12, fast=True)
async def failures_inside_a_gap(w: World) -> None:
    """Half of 10 requests/s failed during the four minutes in which nobody recorded: 20 % of the ten minutes."""
    bad = phases(0, (300, 5), (540, 0))
    good = phases(10, (300, 5), (540, 10))
    w.gateway.runs(answering(good, bad))
    await w.record(minutes=5)
    await w.unwatched(minutes=4)
    await w.record(minutes=3)
    answer = await w.performance("error_rate", 10)
    part = answer.results.get("error_rate")
    covered = answer.doc.get("window_covered_minutes") or 0
    right = part is not None and (abs(part - 0.2) < 0.02 or (part < 0.005 and covered <= 6.6))
    wanted = "20 %, or 0 % of at most 6 covered minutes, or unknown"
    w.expect("error rate of 10 min", wanted, f"{part} of {covered} min", right, unknown=answer.not_available)
    w.rate("throughput of 10 min", await w.performance("throughput", 10), 10)


@world(past=10, healthy=True)
async def nightly_pause(w: World) -> None:
    """20 requests/s by day, none for the last five minutes: silence is no outage."""
    w.gateway.runs(answering(phases(20, (300, 0))))
    await w.record(minutes=10)
    w.rate("throughput of 3 min", await w.performance("throughput", 3), 0)
    w.rate("throughput of 10 min", await w.performance("throughput", 10), 10)
    w.spared("error rate of 3 min", await w.performance("error_rate", 3))
    w.spared("diagnose", await w.diagnose())


@world(past=10)
async def bursts_of_a_minute(w: World) -> None:
    """60 requests/s for a minute, then silence for a minute."""
    total = bursts(60, 60, 60)
    w.gateway.runs(answering(total))
    await w.record(minutes=10)
    w.rate("throughput of 10 min", await w.performance("throughput", 10), 30)
    w.rate_of_its_span("throughput of 2 min", await w.performance("throughput", 2), total, w.now)
    w.rate_of_its_span("throughput of 1 min", await w.performance("throughput", 1), total, w.now)


@world(past=10, fast=True)
async def traffic_that_doubled(w: World) -> None:
    """10 requests/s, then 20/s for the last three minutes."""
    w.gateway.runs(answering(phases(10, (420, 20))))
    await w.record(minutes=10)
    w.rate("throughput of 2 min", await w.performance("throughput", 2), 20)
    w.rate("throughput of 10 min", await w.performance("throughput", 10), 13)


@world(past=10, fast=True)
async def failures_only_lately(w: World) -> None:
    """No failure for eight minutes, then a third of 12 requests/s: 33 % now, 7 % of the ten minutes."""
    bad = phases(0, (480, 4))
    w.gateway.runs(answering(phases(12, (480, 8)), bad))
    await w.record(minutes=10)
    now = await w.performance("error_rate", 1)
    w.errors("error rate of 1 min", now, 1 / 3)
    w.found("failures are reported now", now, rule="errors", least="high")
    w.errors("error rate of 10 min", await w.performance("error_rate", 10), 4 * 120 / (12 * 600))
    w.found("diagnose sees them", await w.diagnose(), rule="errors", least="high")
    standup = await w.standup()
    w.found("stand-up sees them", standup, rule="errors", least="high")


@world(past=10, healthy=True)
async def failures_that_are_over(w: World) -> None:
    """A third failed until eight minutes ago: now nothing fails, and the present is not accused."""
    bad = phases(4, (120, 0))
    w.gateway.runs(answering(phases(8, (120, 12)), bad))
    await w.record(minutes=10)
    now = await w.performance("error_rate", 3)
    w.errors("error rate of 3 min", now, 0)
    w.not_found("nothing fails now", now, rule="errors")
    w.not_found("no playbook blames the present", await w.trouble("circuit_breaker", minutes=3), rule="errors")


@world(past=2)
async def asked_for_more_than_is_known(w: World) -> None:
    """Two minutes recorded, sixty asked for: the answer says what it covers and its rate is of that time."""
    w.gateway.runs(answering(share(steady(18), 1.0)))
    await w.record(minutes=2)
    answer = await w.performance("throughput", 60)
    w.rate("throughput", answer, 18)
    w.figure("covered minutes", answer.doc.get("window_covered_minutes"), 2, slack=0.6)


@world(fast=True)
async def nothing_recorded_yet(w: World) -> None:
    """Nobody ever recorded: two looks of our own, or unknown; never 0."""
    w.gateway.runs(answering(steady(40), steady(10)))
    answer = await w.performance("throughput", 10)
    w.rate("throughput", answer, 50)
    w.errors("error rate", await w.performance("error_rate", 10), 0.2)
