"""Several processes behind one address, restarts and crash loops: a figure has one population."""

import random

from tests.worlds.catalogue import world
from tests.worlds.traffic import Process, answering, crash_loop, grown, phases, share, steady
from tests.worlds.world import World

NINE, TEN = steady(9), steady(10)


@world(past=12, night=True, healthy=True)
async def two_workers_with_start_times(w: World) -> None:
    """Two uvicorn workers without multiprocess metrics, 9 requests/s each, one 5xx in 2,000."""
    for born in (-7200.0, -400.0):
        w.gateway.runs(answering(NINE, share(NINE, 0.0005), born=born))
    await w.record(minutes=12)
    for minutes in (1, 3, 10):
        w.rate(f"throughput of {minutes} min", await w.performance("throughput", minutes), 18)
    answer = await w.performance("error_rate", 10)
    w.errors("error rate of 10 min", answer, 0.0005)
    w.not_found("no failures are reported", answer, rule="errors")
    w.not_found("stand-up accuses no traffic", await w.standup(), rule="errors")


@world(past=12, fast=True, healthy=True)
async def two_workers_that_cannot_be_told_apart(w: World) -> None:
    """Two workers without ``process_start_time_seconds``: 9/s each, one an hour older."""
    for born in (-7200.0, -400.0):
        w.gateway.runs(answering(NINE, share(NINE, 0.0005), born=born, started=False))
    await w.record(minutes=12)
    for minutes in (2, 10):
        w.rate(f"throughput of {minutes} min", await w.performance("throughput", minutes), 18)
    answer = await w.performance("error_rate", 10)
    w.errors("error rate of 10 min", answer, 0.0005)
    w.not_found("no failures are reported", answer, rule="errors")
    w.spared("diagnose", await w.diagnose())


@world(past=10)
async def two_workers_of_which_one_fails(w: World) -> None:
    """Two workers; one answers 40 % of its 10 requests/s with 500, the other none of its 10: 20 % in all."""
    ten = steady(10)
    w.gateway.runs(answering(ten, born=-5000), answering(share(ten, 0.6), share(ten, 0.4), born=-900))
    await w.record(minutes=10)
    answer = await w.performance("error_rate", 5)
    w.errors("error rate", answer, 0.2)
    w.found("failures are reported", answer, rule="errors", least="high", unknown=answer.not_available)
    w.rate("throughput", await w.performance("throughput", 5), 20)


@world(past=8)
async def four_workers_sticky_connections(w: World) -> None:
    """Four workers behind a balancer that keeps a connection with its worker: 5/s each, 20/s in all."""
    w.gateway.sticky = True
    w.gateway.runs(*(answering(steady(5), born=-1000.0 * n) for n in range(1, 5)))
    await w.record(minutes=8)
    answer = await w.performance("throughput", 5)
    given = None if answer.not_available else answer.results.get("requests_per_second")
    right = given is not None and abs(given - 20) < 2
    blind = given is None or abs(given - 5) < 1  # one connection sees one process: nobody can know of the others
    w.expect("throughput", "20/s, 5/s of the one process that is seen, or unknown", given, right, unknown=blind)


@world(past=8, fast=True, healthy=True)
async def one_worker_restarted_once(w: World) -> None:
    """A deployment: one process ended, the next began at once; 12 requests/s throughout, nothing failed."""
    twelve = steady(12)
    w.gateway.runs(answering(twelve, died=240), answering(twelve, born=241))
    await w.record(minutes=8)
    w.rate("throughput of 8 min", await w.performance("throughput", 8), 12)
    w.rate("throughput of 2 min, after it", await w.performance("throughput", 2), 12)
    w.not_found("no failures are reported", await w.performance("error_rate", 8), rule="errors")
    w.spared("diagnose", await w.diagnose())


@world(past=10, healthy=True)
async def rolling_restart_of_four(w: World) -> None:
    """Four processes replaced one after the other, a minute apart: 4 × 5 requests/s, nothing failed."""
    for n in range(4):
        w.gateway.runs(answering(steady(5), born=-9000 - n, died=180 + 60 * n))
        w.gateway.runs(answering(steady(5), born=180 + 60 * n))
    await w.record(minutes=10)
    w.rate("throughput of 10 min", await w.performance("throughput", 10), 20)
    w.rate("throughput of 2 min", await w.performance("throughput", 2), 20)
    w.not_found("no failures are reported", await w.performance("error_rate", 10), rule="errors")
    w.spared("stand-up", await w.standup())
    w.spared("diagnose", await w.diagnose())


@world(past=10, night=True, healthy=True)
async def two_workers_deployed_once(w: World) -> None:
    """Both workers are replaced by a deployment, five seconds apart: two new lives that last are no crash loop."""
    for n in range(2):
        w.gateway.runs(answering(steady(6), born=-9000 - 60 * n, died=300 + 5 * n))
        w.gateway.runs(answering(steady(6), born=301 + 5 * n))
    await w.record(minutes=10)
    w.rate("throughput of 3 min", await w.performance("throughput", 3), 12)
    w.spared("stand-up", await w.standup())


@world(past=8, night=True)
async def crash_loop_every_12_seconds(w: World) -> None:
    """A new process every 12 s, 10 requests/s while one lives: about 120 requests between two deaths."""
    w.gateway.runs(*crash_loop(lambda born, died: answering(steady(10), born=born, died=died), 12, -60, 560))
    await w.record(minutes=8)
    answer = await w.performance("throughput", 5)
    w.rate("throughput", answer, 10)
    w.says("throughput tells the restarts", answer, "restart")
    standup = await w.standup()
    w.found("stand-up reports restarts", standup, "restart", least="high")


@world(past=8)
async def crash_loop_with_failures(w: World) -> None:
    """A new process every 20 s; a tenth of its 10 requests/s fails: the share does not depend on the losses."""

    def make(born: float, died: float):  # type: ignore[no-untyped-def]
        return answering(steady(9), steady(1), born=born, died=died)

    w.gateway.runs(*crash_loop(make, 20, -60, 560))
    await w.record(minutes=8)
    answer = await w.performance("error_rate", 5)
    w.errors("error rate", answer, 0.1)
    w.found("failures are reported", answer, rule="errors", least="high", unknown=answer.not_available)
    w.found("diagnose sees restarts", await w.diagnose(), "restart", least="low")


@world(past=6, fast=True)
async def workers_of_which_one_just_started(w: World) -> None:
    """A second worker is added two minutes ago: 8/s before, 2 × 8/s since."""
    eight = steady(8)
    w.gateway.runs(answering(eight), answering(eight, born=240))
    await w.record(minutes=6)
    w.rate("throughput of 1 min", await w.performance("throughput", 1), 16)
    both = (grown(eight, 0, 360) + grown(eight, 240, 360)) / 360
    w.rate("throughput of 6 min", await w.performance("throughput", 6), both)


@world(past=30)
async def weekend_process_and_a_fresh_one(w: World) -> None:
    """One process counted millions since Friday, the other is minutes old: the difference is no traffic."""
    slow = phases(30, (0, 3))
    w.gateway.runs(answering(slow, share(slow, 0.02), born=-200_000), answering(steady(3), born=1200))
    await w.record(minutes=30)
    w.rate("throughput of 5 min", await w.performance("throughput", 5), 6.06)
    answer = await w.performance("error_rate", 5)
    w.errors("error rate of 5 min", answer, 0.0099)
    w.not_found("no alarm", answer, rule="errors", least="high")


@world(past=10)
async def two_workers_forked_together(w: World) -> None:
    """Two workers with the very same start time, 9 requests/s each, of which one was idle for its first hour."""
    w.gateway.runs(answering(NINE, born=-7200), answering(phases(0, (-3600, 9)), born=-7200))
    await w.record(minutes=10)
    w.rate("throughput of 5 min", await w.performance("throughput", 5), 18)
    w.errors("error rate", await w.performance("error_rate", 5), 0)


@world(past=10)
async def three_workers_met_at_random(w: World) -> None:
    """Three workers, each request meets any of them: 6 requests/s each, 2 % of one's fail."""
    w.gateway.at_random = random.Random(7)
    w.gateway.runs(*(answering(steady(6), born=-3000.0 * n) for n in (1, 2)))
    w.gateway.runs(answering(steady(5.88), steady(0.12), born=-500.0))
    await w.record(minutes=10)
    w.rate("throughput of 10 min", await w.performance("throughput", 10), 18)
    answer = await w.performance("error_rate", 10)
    w.errors("error rate", answer, 0.0067)
    w.not_found("no alarm", answer, rule="errors")
    w.spared("stand-up", await w.standup())


@world(past=8, healthy=True)
async def one_page_for_all_workers(w: World) -> None:
    """prometheus_client's multiprocess mode: one sum for all workers, no start time, a gauge per pid."""
    p = answering(steady(18), steady(0.01), started=False)
    for pid in ("11", "12"):
        p.shows("process_resident_memory_bytes", 2e8, pid=pid)
    w.gateway.runs(p)
    await w.record(minutes=8)
    w.rate("throughput", await w.performance("throughput", 5), 18)
    w.spared("error rate", await w.performance("error_rate", 5))
    w.spared("stand-up", await w.standup())


@world(past=8)
async def a_label_for_the_worker(w: World) -> None:
    """One page with a ``worker`` label: 9/s each; worker 2 is replaced and its series begins anew."""
    p = Process()
    p.counts("http_requests_total", NINE, route="/api/chat", status="200", tenant="acme", worker="1")
    p.shows_counter("http_requests_total", lambda t: 9 * (t + 7200 if t < 240 else t - 240),
                    route="/api/chat", status="200", tenant="acme", worker="2")  # fmt: skip
    w.gateway.runs(p)
    await w.record(minutes=8)
    w.rate("throughput of 8 min", await w.performance("throughput", 8), 18)
    w.rate("throughput of 2 min", await w.performance("throughput", 2), 18)


@world(past=6)
async def started_in_the_future(w: World) -> None:
    """The gateway's clock is an hour ahead: its start time lies in our future; 10 requests/s all the same."""
    p = answering(TEN, started=False).shows("process_start_time_seconds", w.clock.began + 3000)
    w.gateway.runs(p)
    await w.record(minutes=6)
    w.rate("throughput", await w.performance("throughput", 5), 10)
    w.not_found("no restarts", await w.standup(), rule="gateway.restarts", least="low")


@world(past=12)
async def killed_by_memory_every_four_minutes(w: World) -> None:
    """The process is killed every four minutes and starts within seconds: three restarts in twelve minutes are seen."""
    lives = crash_loop(lambda born, died: answering(TEN, born=born, died=died - 4), 240, -120, 840)
    w.gateway.runs(*lives)
    await w.record(minutes=12)
    w.rate("throughput of 10 min", await w.performance("throughput", 10), 9.8)
    answer = await w.performance("throughput", 10)
    w.says("restarts are told", answer, "restart")


@world(past=10, fast=True)
async def a_crash_loop_shows_no_leak(w: World) -> None:
    """A new process every 4 s, whose memory grows while it lives: the restarts are told, a leak is unknown."""

    def make(born: float, died: float) -> Process:
        return answering(TEN, born=born, died=died).shows("process_resident_memory_bytes", lambda t: 2e8 + 2e6 * t)

    w.gateway.runs(*crash_loop(make, 4, -60, 660))
    await w.record(minutes=10)
    answer = await w.trouble("memory_leak", minutes=10)
    w.found("the restarts are told", answer, "restart", rule="gateway.restarts", least="high")
    w.says("a leak is unknown", answer, "a process that restarts cannot show a leak")
    w.not_found("no leak is told", answer, rule="memory.growth", least="low")
