"""Workers behind one address whose pages hardly tell them apart: true figures, lower bounds, or unknown."""

import random
from collections.abc import Callable

from tests.worlds.catalogue import world
from tests.worlds.judging import Given
from tests.worlds.traffic import Process, answering, phases, share, steady
from tests.worlds.world import World

NINE, TEN, TWENTY = steady(9), steady(10), steady(20)
STARTED = "process_start_time_seconds"


def forked(w: World, *rates: float, ages: tuple[float, ...] = (20_000, 42_000, 61_000), bad: float = 0.0) -> None:
    """Workers that tell one start time, an hour ago, and have counted since very different times."""
    for rate, age in zip(rates, ages, strict=False):
        worker = answering(steady(rate), share(steady(rate), bad), born=-age, started=False)
        w.gateway.runs(worker.shows(STARTED, w.clock.began - 3600))


def blocks(*seconds: float) -> Callable[[float], int]:
    """The number of the process that answers: the next one after each of these times."""
    return lambda t: sum(t >= one for one in seconds)


async def judge(
    w: World, *true: float, bad: float = 0.0, minutes: tuple[int, ...] = (1, 2, 5), alike: bool = False
) -> None:
    """A rate is one of ``true`` (all workers, or the one that is seen), a lower bound below, or unknown.

    ``alike``: nothing on their pages tells the workers apart, so that unknown is the answer that is right.
    """
    for span in minutes:
        answer = await w.performance("throughput", span)
        given = None if answer.not_available else answer.results.get("requests_per_second")
        bound = bool(answer.results.get("lower_bound"))
        true_or_less = given is not None and (
            any(abs(given - one) <= one / 10 for one in true) or (bound and given <= max(true) * 1.02)
        )
        right = true_or_less or (alike and given is None)
        wanted = f"{' or '.join(map(str, true))}/s, at least less, or unknown"
        w.expect(f"throughput of {span} min", wanted, answer.summary if given is None else given, right,
                 unknown=given is None)  # fmt: skip
        errors = await w.performance("error_rate", span)
        if alike and errors.results.get("error_rate") is None:
            w.expect(f"error rate of {span} min", "unknown", errors.summary, True)
        else:
            w.errors(f"error rate of {span} min", errors, bad)
    if bad < 0.01:
        spared(w, "diagnose", await w.diagnose())
    if bad < 0.01 and len(minutes) > 1:
        spared(w, "stand-up", await w.standup())


def spared(w: World, name: str, answer: Given) -> None:
    w.not_found(f"{name}: no failures", answer, rule="errors", least="low")
    w.not_found(f"{name}: no restarts", answer, rule="gateway.restarts", least="medium")


@world(past=6, fast=True)
async def equal_starts_and_then_the_other(w: World) -> None:
    """Two workers of one start time, 9/s each; one has 1,500 old failures. One answers, then the other."""
    forked(w, 9)
    older = answering(NINE, born=-42_000, started=False).shows(STARTED, w.clock.began - 3600)
    w.gateway.runs(older.shows_counter("http_requests_total", lambda t: 1500, route="/api/chat", status="500"))
    w.gateway.plan = blocks(290)
    await w.record(minutes=6)
    await judge(w, 9, 18, minutes=(5,), alike=True)


@world(past=6)
async def equal_starts_in_blocks(w: World) -> None:
    """Three workers of one start time, each answers for 50 s, again and again."""
    forked(w, 6, 6, 6)
    w.gateway.plan = lambda t: int(t // 50)
    await w.record(minutes=6)
    await judge(w, 6, 18, alike=True)


@world(past=6)
async def equal_starts_one_after_the_other(w: World) -> None:
    """Three workers of one start time; the balancer goes on twice, always to one that has counted more."""
    forked(w, 6, 6, 6)
    w.gateway.plan = blocks(250, 320)
    await w.record(minutes=6)
    await judge(w, 6, 18, alike=True)


@world(past=6)
async def equal_starts_with_weights(w: World) -> None:
    """Workers of 12, 4 and 2 requests/s and one start time; the balancer chooses by weight."""
    forked(w, 12, 4, 2)
    dice = random.Random(5)
    w.gateway.plan = lambda t: dice.choice([0] * 6 + [1] * 2 + [2])
    await w.record(minutes=6)
    await judge(w, 18, alike=True)


@world(past=6)
async def equal_starts_of_which_one_restarts(w: World) -> None:
    """Three workers of one start time; after four minutes one is replaced by one with a start of its own."""
    forked(w, 6, 6)
    w.gateway.runs(answering(steady(6), born=-61_000, died=240, started=False).shows(STARTED, w.clock.began - 3600))
    w.gateway.runs(answering(steady(6), born=241))
    w.gateway.at_random = random.Random(8)
    await w.record(minutes=6)
    await judge(w, 18, alike=True)


@world(past=6)
async def a_deployment_rounds_start_times(w: World) -> None:
    """Three workers are replaced ten seconds apart and tell their start to the minute: all new ones tell the same."""
    for number in range(3):
        w.gateway.runs(answering(steady(6), born=-9000 - number, died=185 + 10 * number))
        young = answering(steady(6), born=186 + 10 * number, started=False)
        w.gateway.runs(young.shows(STARTED, w.clock.began + 180))
    w.gateway.at_random = random.Random(3)
    await w.record(minutes=6)
    await judge(w, 18, alike=True)


@world(past=6)
async def a_balancer_that_becomes_sticky(w: World) -> None:
    """Two workers with starts of their own: by turns for three minutes, then only one of them answers."""
    w.gateway.runs(answering(NINE, born=-7200), answering(NINE, born=-400))
    w.gateway.plan = lambda t: int(t / 10) if t < 180 else 0
    await w.record(minutes=6)
    await judge(w, 9, 18)


@world(past=8)
async def equal_starts_across_a_gap(w: World) -> None:
    """Nobody records for two minutes; meanwhile the balancer goes on to another worker of the same start time."""
    forked(w, 9, 9)
    w.gateway.plan = blocks(240)
    await w.record(minutes=3)
    await w.unwatched(2)
    await w.record(minutes=3)
    await judge(w, 9, 18, alike=True)


@world(past=6)
async def three_without_start_times(w: World) -> None:
    """Three workers without start times, each for 100 s, each with more behind it."""
    w.gateway.runs(*(answering(steady(6), born=-age, started=False) for age in (20_000, 42_000, 61_000)))
    w.gateway.plan = blocks(100, 200)
    await w.record(minutes=6)
    await judge(w, 6, 18, alike=True)


@world(past=6)
async def a_pid_on_each_page(w: World) -> None:
    """Two workers of one start time name their pid on their own page only: no series is on both."""
    for pid, age in (("71", 20_000), ("72", 42_000)):
        p = Process(-age, started=False).shows(STARTED, w.clock.began - 3600)
        w.gateway.runs(p.counts("http_requests_total", NINE, route="/api/chat", status="200", tenant="a", pid=pid))
    w.gateway.plan = blocks(200)
    await w.record(minutes=6)
    await judge(w, 9, 18)


@world(past=6)
async def one_page_of_three_instances(w: World) -> None:
    """One page with an ``instance`` label: 6/s each; one instance is replaced and its series begins anew."""
    p = Process()
    for name in "ab":
        p.counts("http_requests_total", steady(6), route="/api/chat", status="200", tenant="a", instance=name)
    p.shows_counter("http_requests_total", lambda t: 6 * (t + 7200 if t < 200 else t - 200),
                    route="/api/chat", status="200", tenant="a", instance="c")  # fmt: skip
    w.gateway.runs(p)
    await w.record(minutes=6)
    await judge(w, 18)


@world(past=6)
async def workers_told_apart_by_creation_times(w: World) -> None:
    """Two workers of one start time whose counters are 60 apart, by turns; their series were created at other times."""
    for age in (20_000, 20_007):
        p = answering(NINE, born=-age, started=False).shows(STARTED, w.clock.began - 3600)
        w.gateway.runs(p.shows("http_requests_created", w.clock.began - age, method="POST", route="/api/chat",
                               status="200", tenant="acme"))  # fmt: skip
    w.gateway.plan = blocks(320)
    await w.record(minutes=6)
    await judge(w, 9, 18)


@world(past=6, fast=True)
async def a_start_told_now_and_then(w: World) -> None:
    """One process, 20 requests/s, whose page tells its start every second time."""
    told, untold = answering(TWENTY), answering(TWENTY, started=False)
    w.gateway.runs(told, untold)
    await w.record(minutes=6)
    await judge(w, 20, minutes=(5,))


@world(past=6)
async def pages_cut_short(w: World) -> None:
    """One process, 20 requests/s; one page in three ends before it tells its start and the failures."""
    whole = answering(share(TWENTY, 0.999), share(TWENTY, 0.001))
    w.gateway.runs(whole, answering(share(TWENTY, 0.999), started=False))
    w.gateway.plan = lambda t: int(int(t / 10) % 3 == 0)
    await w.record(minutes=6)
    await judge(w, 20)


@world(past=6, fast=True)
async def one_worker_with_and_one_without_a_collector(w: World) -> None:
    """Two workers, 10 requests/s each; only one tells its start."""
    w.gateway.runs(answering(TEN, born=-9000), answering(TEN, born=-300, started=False))
    await w.record(minutes=6)
    await judge(w, 20, minutes=(5,), alike=True)


@world(past=6)
async def a_deployment_brings_start_times(w: World) -> None:
    """The old version tells no start, the new one does; 20 requests/s throughout."""
    w.gateway.runs(answering(TWENTY, died=240, started=False), answering(TWENTY, born=241))
    await w.record(minutes=6)
    await judge(w, 20)


@world(past=6, fast=True, healthy=True)
async def one_process_with_a_burst(w: World) -> None:
    """One process, 9 requests/s, for half a minute 90: traffic."""
    w.gateway.runs(answering(phases(9, (240, 90), (270, 9))))
    await w.record(minutes=6)
    await judge(w, (9 * 270 + 30 * 90) / 300, minutes=(5,))
    w.spared("diagnose", await w.diagnose())


@world(past=6, healthy=True)
async def one_process_with_a_burst_of_one_look(w: World) -> None:
    """2,000 requests within three seconds; the creation times of its series prove that it is one process."""
    p = answering(phases(9, (275, 670), (278, 9)))
    labels = {"method": "POST", "route": "/api/chat", "status": "200", "tenant": "acme"}
    w.gateway.runs(p.shows("http_requests_created", w.clock.began - 7000, **labels))
    await w.record(minutes=6)
    answer = await w.performance("throughput", 5)
    w.rate("throughput of 5 min", answer, 9 + 1983 / 300)
    w.spared("diagnose", await w.diagnose())


@world(past=6, healthy=True)
async def one_slow_page(w: World) -> None:
    """A page that takes 1.2 s, one process without a start time that restarted once; 12 requests/s."""
    twelve = steady(12)
    old, new = answering(twelve, died=200, started=False), answering(twelve, born=201, started=False)
    w.gateway.on("/metrics", lambda t: (old if t < 200.5 else new).page(t, w.clock.began), delay=1.2, kind="text/plain")
    await w.record(minutes=6)
    await judge(w, 12, minutes=(5,))
    w.spared("diagnose", await w.diagnose())
