"""Pages of ``/metrics`` as they come: slow, cut, huge, dressed up, or not a page of metrics at all."""

from tests.worlds.catalogue import world
from tests.worlds.services import Answer
from tests.worlds.traffic import Process, answering, steady
from tests.worlds.world import World

TEN = steady(10)


@world(past=8)
async def a_page_that_hangs_for_three_minutes(w: World) -> None:
    """``/metrics`` does not answer from minute two to five; 18 requests/s all the time."""
    process = answering(steady(18))
    w.gateway.runs(process)
    plain = w.gateway.answer

    def answer(path: str, t: float, connection: list[int]) -> Answer:
        hangs = path == "/metrics" and 120 <= t < 300
        return Answer(hangs=True) if hangs else plain(path, t, connection)

    w.gateway.answer = answer  # type: ignore[method-assign]
    await w.record(minutes=8)
    for minutes in (2, 5, 8):
        w.rate(f"throughput of {minutes} min", await w.performance("throughput", minutes), 18)


@world(past=5, healthy=True, fast=True)
async def a_login_page_instead(w: World) -> None:
    """``/metrics`` answers 200 with a login page: no figures, no fault, and no zero."""
    w.gateway.on("/metrics", b"<html><body>Please log in</body></html>", kind="text/html")
    await w.record(minutes=5)
    answer = await w.performance("throughput", 5)
    w.expect("throughput", "not available", answer.summary, answer.not_available)
    w.spared("diagnose", await w.diagnose())


@world(past=6)
async def timestamps_and_creation_times(w: World) -> None:
    """Samples carry timestamps, a ``_created`` series, odd spacing and a comment: 10/s, of which 10 % fail."""

    def page(t: float) -> str:
        good, bad = int(9 * (t + 7200)), int(t + 7200)
        stamp = int((w.clock.began + t) * 1000)
        of = 'method="POST",route="/api/chat",tenant="acme"'
        return (
            "# some comment\n# HELP http_requests_total Requests.\n# TYPE http_requests_total counter\n"
            f'http_requests_total{{ {of}, status="200", }}   {good}.0 {stamp}\n'
            f'http_requests_total{{{of},status="500"}} {bad:e} {stamp}\n'
            f'http_requests_created{{{of},status="200"}} {w.clock.began - 7200}\n'
            "go_gc_duration_seconds NaN\n\n"
        )

    w.gateway.on("/metrics", page, kind="text/plain; version=0.0.4")
    await w.record(minutes=6)
    w.errors("error rate", await w.performance("error_rate", 5), 0.1)
    w.rate("throughput", await w.performance("throughput", 5), 10)


@world(past=5)
async def three_thousand_tenants(w: World) -> None:
    """A counter for each of 3,000 tenants, 0.01 requests/s each: the sum is true and the document small."""
    p = Process()
    for n in range(3000):
        turn = n / 3000  # each at its own moment, else all 3,000 would be counted together, once in 100 s

        def value(t: float, turn: float = turn) -> float:
            return 0.01 * (t + 7200) + turn

        p.shows_counter("http_requests_total", value, route="/api/chat", status="200", tenant=f"tenant-{n}")
    w.gateway.runs(p)
    await w.record(minutes=5)
    answer = await w.performance("throughput", 5)
    w.rate("throughput", answer, 30)
    w.expect("size", "at most 40 kB", len(str(answer.doc)), len(str(answer.doc)) <= 40_000)
    rows = answer.results.get("by_tenant", [])
    w.expect("the rest is counted", "3,000 less those shown", f"{len(rows)} rows", "omitted" in answer.words(),
             unknown=answer.not_available)  # fmt: skip


@world(past=6)
async def statuses_that_are_no_numbers(w: World) -> None:
    """Half of the requests have the status "exception": that is no success, so the share is unknown or names them."""
    p = Process()
    for status in ("200", "exception"):
        p.counts("http_requests_total", steady(5), route="/api/chat", status=status, tenant="acme")
    w.gateway.runs(p)
    await w.record(minutes=6)
    answer = await w.performance("error_rate", 5)
    given = answer.results.get("error_rate")
    named = "exception" in answer.words()
    w.expect("error rate", "unknown, 50 %, or the odd status named", f"{given} {answer.summary}",
             given is None or abs(given - 0.5) < 0.05 or named)  # fmt: skip


@world(past=6, healthy=True, night=True)
async def a_scanner_of_the_internet(w: World) -> None:
    """A quarter of all requests are 404 and 401 of a scanner: the callers' errors, not ours."""
    p = answering(steady(7.5))
    p.counts("http_requests_total", steady(1.5), method="GET", route="", status="404", tenant="")
    p.counts("http_requests_total", steady(1.0), method="GET", route="", status="401", tenant="")
    w.gateway.runs(p)
    await w.record(minutes=6)
    answer = await w.performance("error_rate", 5)
    w.errors("error rate", answer, 0)
    w.errors("client errors", answer, 0.25, key="client_error_rate")
    w.not_found("error rate", answer, rule="errors")
    w.spared("stand-up", await w.standup())


@world(past=6)
async def one_hot_breaker_states(w: World) -> None:
    """``circuit_breaker_state{state="closed"} 1``: one series a state; closed must not be read as half open."""
    p = answering(TEN)
    for state, value in (("closed", 1), ("open", 0), ("half_open", 0)):
        p.shows("circuit_breaker_state", value, service="ai_engine", state=state)
    w.gateway.runs(p)
    await w.record(minutes=6)
    w.spared("troubleshoot", await w.trouble("circuit_breaker"))
    w.spared("stand-up", await w.standup())


@world(past=6)
async def one_hot_breaker_open(w: World) -> None:
    """The same shape with the open state at 1: found, or unknown, never healthy."""
    p = answering(TEN)
    for state, value in (("closed", 0), ("open", 1), ("half_open", 0)):
        p.shows("circuit_breaker_state", value, service="ai_engine", state=state)
    w.gateway.runs(p)
    await w.record(minutes=6)
    answer = await w.trouble("circuit_breaker")
    told = [one for one in answer.doc.get("unknown", ()) if "circuit" in one or "breaker" in one]
    w.found("troubleshoot", answer, rule="breaker", least="medium", unknown=bool(told))


@world(past=6)
async def half_open_circuit(w: World) -> None:
    """The breaker tries again (half open): no alarm of an open circuit, but it is told."""
    w.gateway.runs(answering(TEN).shows("circuit_breaker_state", 1, service="ai_engine"))
    await w.record(minutes=6)
    answer = await w.trouble("circuit_breaker")
    w.says("it is told", answer, "half")
    w.not_found("it is not called open", answer, rule="breaker.open")


@world(past=6)
async def refusals_inside_a_class(w: World) -> None:
    """40 % of acme's requests are ``4xx``: how many were refused is unknown, and "none refused" is not said."""
    p = Process()
    for status, rate in (("2xx", 6), ("4xx", 4)):
        p.counts("http_requests_total", steady(rate), handler="/api/chat", status=status, tenant="acme")
    w.gateway.runs(p)
    await w.record(minutes=6)
    w.counter("rate_limit:acme:chat", 8, ttl=58)
    answer = await w.trouble("rate_limiting", minutes=5)
    told = any("refus" in one for one in answer.doc["unknown"])
    count = (answer.doc["rate_limiting_details"].get("refused") or {}).get("requests")
    w.expect("refusals", "unknown and said so, or a finding", f"{count} {answer.doc['unknown']}",
             (count is None and told) or any("refus" in one["message"] for one in answer.findings))  # fmt: skip


@world(past=30)
async def memory_that_only_grows(w: World) -> None:
    """The gateway's memory grows from 200 MB by 10 MB a minute for half an hour: a leak."""
    w.gateway.runs(answering(TEN).shows("process_resident_memory_bytes", lambda t: 2e8 + 1.7e5 * t))
    await w.record(minutes=30)
    w.found("memory_leak", await w.trouble("memory_leak", minutes=30), "gateway", least="medium")


@world(past=30, healthy=True)
async def memory_of_two_workers(w: World) -> None:
    """Two workers with 220 and 480 MB answer in turn: no leak in sight."""
    w.gateway.runs(
        answering(TEN).shows("process_resident_memory_bytes", 2.2e8),
        answering(TEN, born=-300).shows("process_resident_memory_bytes", 4.8e8),
    )
    await w.record(minutes=30)
    w.spared("memory_leak", await w.trouble("memory_leak", minutes=30))


@world(past=30, healthy=True)
async def memory_that_breathes(w: World) -> None:
    """The gateway's memory swings between 200 and 300 MB every seven minutes, as garbage collection does."""
    w.gateway.runs(answering(TEN).shows("process_resident_memory_bytes", lambda t: 2e8 + 1e8 * ((t % 420) / 420)))
    await w.record(minutes=30)
    w.spared("memory_leak", await w.trouble("memory_leak", minutes=30))


@world(past=30, healthy=True)
async def memory_after_a_deployment(w: World) -> None:
    """A deployment 15 minutes ago: the new version takes 380 MB instead of 200, and stays there."""
    w.gateway.runs(
        answering(TEN, died=900).shows("process_resident_memory_bytes", 2e8),
        answering(TEN, born=901).shows("process_resident_memory_bytes", 3.8e8),
    )
    await w.record(minutes=30)
    w.not_found("memory_leak", await w.trouble("memory_leak", minutes=30), "gateway")
