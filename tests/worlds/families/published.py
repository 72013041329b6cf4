"""Pages and documents as gateways really publish them: other spellings, orders, encodings and notations."""

import gzip

from tests.worlds.catalogue import world
from tests.worlds.services import Value
from tests.worlds.traffic import Process, answering, share, steady
from tests.worlds.world import World

TEN = steady(10)


def tells(w: World, page: Value, **how: Value) -> None:
    """The gateway publishes this very text."""
    w.gateway.on("/metrics", page, kind="text/plain; version=0.0.4", **how)


def parted(**parts: float) -> Process:
    """One process with 10 requests/s in parts by their status; an underscore stands for what no name can hold."""
    p = Process()
    for status, part in parts.items():
        p.counts("http_requests_total", share(TEN, part), status=status, route="/api/chat", tenant="acme")
    return p


async def shares(w: World, bad: float, rate: float | None = None, minutes: int = 5) -> None:
    """The share of failures, and the rate, as the performance tool tells them."""
    answer = await w.performance("error_rate", minutes)
    w.errors("error rate", answer, bad)
    if bad >= 0.08:
        unknown = answer.results.get("error_rate") is None
        w.found("failures are found", answer, rule="errors", least="high", unknown=unknown)
    if rate is not None:
        w.rate("throughput", await w.performance("throughput", minutes), rate)


def requests(t: float, good: float, bad: float) -> str:
    """Two series of one counter."""
    of = 'tenant="acme",route="/api/chat",method="POST"'
    told = [
        f'http_requests_total{{status="{status}",{of}}} {int(rate * (t + 7200))}'
        for status, rate in (("200", good), ("500", bad))
    ]
    return "\n".join(["# TYPE http_requests_total counter", *told, ""])


def timed(t: float, kind: str, *rows: str) -> str:
    """The same with a metric of how long requests took; ``N`` in a row is how many there were."""
    n = int(10 * (t + 7200))
    head = f"# TYPE http_request_duration_seconds {kind}"
    own = [f"http_request_duration_seconds{one}".replace("N", str(n)) for one in rows]
    return requests(t, 10, 0) + "\n".join([head, *own, ""])


@world(past=6)
async def a_page_in_gzip(w: World) -> None:
    """The page comes compressed; 12 requests/s, a quarter fails."""
    tells(w, lambda t: gzip.compress(requests(t, 9, 3).encode()), headers=[("Content-Encoding", "gzip")])
    await w.record(minutes=6)
    await shares(w, 0.25, 12)


@world(past=6)
async def windows_line_ends_and_no_last_newline(w: World) -> None:
    """CR LF between the lines, no newline at the end; 10 requests/s, 15 % fail."""
    tells(w, lambda t: requests(t, 8.5, 1.5).replace("\n", "\r\n").strip().encode())
    await w.record(minutes=6)
    await shares(w, 0.15, 10)


@world(past=6)
async def large_numbers_in_exponents(w: World) -> None:
    """Counters of 10⁹ in scientific notation with twelve digits, small and large E; a tenth of 10/s fails."""
    of = 'route="/a",tenant="acme"'
    tells(
        w,
        lambda t: (
            f'# TYPE http_requests_total counter\nhttp_requests_total{{status="200",{of}}} {1.2e9 + 9 * t:.12e}\n'
            f'http_requests_total{{status="503",{of}}} {3.4e8 + t:.12E}\n'
        ),
    )
    await w.record(minutes=6)
    await shares(w, 0.1, 10)


@world(past=6, healthy=True)
async def descending_buckets_with_odd_edges(w: World) -> None:
    """Buckets from the widest to the narrowest, edges as ``1e+01``, ``2.50`` and ``+inf``: all within 100 ms."""
    edges = ("+inf", "1e+01", "2.50", "1.0e0", "0.5", "0.10")
    rows = [f'_bucket{{le="{edge}",route="/api/chat"}} N' for edge in edges]
    rows += ['_bucket{le="0.05",route="/api/chat"} 0', '_count{route="/api/chat"} N', '_sum{route="/api/chat"} N']
    tells(w, lambda t: timed(t, "histogram", *rows))
    await w.record(minutes=6)
    w.spared("diagnose", await w.diagnose())
    w.spared("stand-up", await w.standup())
    w.not_found("high_latency", await w.trouble("high_latency", minutes=5), "/api/chat", least="low")


@world(past=6)
async def descending_buckets_of_a_slow_route(w: World) -> None:
    """The same order, and all requests take between 2.5 and 10 s: the route is found."""
    rows = [f'_bucket{{le="{edge}",route="/api/chat"}} N' for edge in ("+Inf", "1e+01")]
    rows += [f'_bucket{{le="{edge}",route="/api/chat"}} 0' for edge in ("2.50", "0.5")]
    tells(w, lambda t: timed(t, "histogram", *rows, '_count{route="/api/chat"} N'))
    await w.record(minutes=6)
    w.found("diagnose", await w.diagnose(), "/api/chat", rule="latency", least="high")
    w.found("high_latency", await w.trouble("high_latency", minutes=5), "/api/chat", rule="latency", least="high")


@world(past=6)
async def a_summary_instead_of_a_histogram(w: World) -> None:
    """``http_request_duration_seconds`` is a summary whose 0.95 is 3.2 s: found, or latency is said to be unknown."""
    rows = [f'{{quantile="{q}",route="/api/chat"}} {v}' for q, v in (("0.5", 2.1), ("0.95", 3.2), ("0.99", 4.0))]
    rows += ['_count{route="/api/chat"} N', '_sum{route="/api/chat"} N']
    tells(w, lambda t: timed(t, "summary", *rows))
    await w.record(minutes=6)
    answer = await w.trouble("high_latency", minutes=5)
    found = any("/api/chat" in one["message"] for one in answer.findings)
    told = any("latency by route" in one or "percentile" in one for one in answer.doc["unknown"])
    w.expect("high_latency", "the route is slow, or unknown and said so", f"{answer.summary} {answer.doc['unknown']}",
             found, unknown=told)  # fmt: skip


@world(past=6)
async def breaker_under_another_label(w: World) -> None:
    """``circuit_breaker_state{name="ai_engine",instance="gw-1"} 2.0``: open, by whatever label it has its name."""
    w.gateway.runs(answering(TEN).shows("circuit_breaker_state", 2.0, name="ai_engine", instance="gw-1"))
    await w.record(minutes=6)
    answers = {"troubleshoot": await w.trouble("circuit_breaker"), "diagnose": await w.diagnose()}
    answers["stand-up"] = await w.standup()
    for name, answer in answers.items():
        w.found(name, answer, "ai_engine", rule="breaker.open", least="high")


@world(past=6)
async def breaker_without_any_label(w: World) -> None:
    """``circuit_breaker_state 2``: one breaker without a name, open."""
    w.gateway.runs(answering(TEN).shows("circuit_breaker_state", 2))
    await w.record(minutes=6)
    w.found("troubleshoot", await w.trouble("circuit_breaker"), rule="breaker.open", least="high")
    w.found("stand-up", await w.standup(), rule="breaker.open", least="high")


@world(past=6)
async def upstream_under_another_label(w: World) -> None:
    """``upstream_request_duration_seconds{upstream="billing"}`` takes 4 s: billing is named, not the engine."""
    shares_of = [(edge, float(edge >= 4)) for edge in (0.1, 1, 2.5, 5)]
    w.gateway.runs(answering(TEN).times("upstream_request_duration_seconds", TEN, shares_of, 4, upstream="billing"))
    await w.record(minutes=6)
    answer = await w.trouble("proxy_timeout", minutes=5)
    w.says("billing is named", answer, "billing")
    w.not_found("the engine", answer, "ai engine", least="low")


@world(past=6)
async def refusals_by_their_own_counter_without_tenant(w: World) -> None:
    """``rate_limit_refused_total{operation="chat"}`` grows with 4/s beside 8/s answered: a third is refused."""
    w.gateway.runs(answering(steady(8)).counts("rate_limit_refused_total", steady(4), operation="chat"))
    await w.record(minutes=6)
    answers = {"rate_limiting": await w.trouble("rate_limiting", minutes=5), "diagnose": await w.diagnose()}
    answers["stand-up"] = await w.standup()
    for name, answer in answers.items():
        w.found(name, answer, "refused", rule="limits.refused", least="medium")


@world(past=6, healthy=True)
async def refusals_below_the_bar(w: World) -> None:
    """6 % of acme's 5 requests/s are refused, evenly: a limiter that works."""
    w.gateway.runs(answering(steady(4.7), None, steady(0.3)))
    await w.record(minutes=6)
    w.counter("rate_limit:acme:chat", 100, ttl=20)
    w.spared("diagnose", await w.diagnose())
    w.spared("stand-up", await w.standup())
    w.spared("rate_limiting", await w.trouble("rate_limiting", minutes=5))


@world(past=6)
async def status_with_a_reason(w: World) -> None:
    """``status="200 OK"`` and ``status="500 Internal Server Error"``: 30 % fail: told or unknown, never 0."""
    w.gateway.runs(parted(**{"200 OK": 0.7, "500 Internal Server Error": 0.3}))
    await w.record(minutes=6)
    await shares(w, 0.3, 10)


@world(past=6)
async def status_as_a_float(w: World) -> None:
    """``status="200.0"`` and ``status="503.0"``: 20 % fail: told or unknown, never 0."""
    w.gateway.runs(parted(**{"200.0": 0.8, "503.0": 0.2}))
    await w.record(minutes=6)
    await shares(w, 0.2, 10)


@world(past=6)
async def success_and_error_instead_of_codes(w: World) -> None:
    """``status="success"`` and ``status="error"``: how many are 5xx is unknown; the traffic is known."""
    w.gateway.runs(parted(success=0.8, error=0.2))
    await w.record(minutes=6)
    answer = await w.performance("error_rate", 5)
    given = answer.results.get("error_rate")
    w.expect("error rate", "unknown, or 20 %", f"{given} {answer.summary}",
             given is None or abs(given - 0.2) < 0.02)  # fmt: skip
    w.rate("throughput", await w.performance("throughput", 5), 10)


@world(past=6)
async def status_and_code_both(w: World) -> None:
    """``status="error"`` beside ``code="500"``: the code tells that a fifth fails; or it is unknown."""
    p = Process()
    for status, code, part in (("success", "200", 0.8), ("error", "500", 0.2)):
        p.counts("http_requests_total", share(TEN, part), status=status, code=code, route="/x", tenant="acme")
    w.gateway.runs(p)
    await w.record(minutes=6)
    await shares(w, 0.2, 10)


@world(past=6)
async def counter_without_total(w: World) -> None:
    """The counter is called ``http_requests`` (no ``_total``), a third fails: told, or unknown."""
    tells(w, lambda t: requests(t, 8, 4).replace("http_requests_total", "http_requests"))
    await w.record(minutes=6)
    await shares(w, 1 / 3, 12)


@world(past=6)
async def duplicated_series(w: World) -> None:
    """A broken exporter tells each series twice: a rate of twice the traffic is not true."""
    tells(w, lambda t: requests(t, 9, 1) + requests(t, 9, 1))
    await w.record(minutes=6)
    await shares(w, 0.1, 10)


@world(past=6)
async def labels_that_differ_in_case(w: World) -> None:
    """``Status`` and ``Route`` with capitals, as a hand-made exporter writes them: 20 % fail: told or unknown."""
    p = Process()
    for status, part in (("200", 0.8), ("500", 0.2)):
        p.counts("http_requests_total", share(TEN, part), Status=status, Route="/api/chat", Tenant="acme")
    w.gateway.runs(p)
    await w.record(minutes=6)
    await shares(w, 0.2, 10)


@world(past=8)
async def page_that_fails_every_second_time(w: World) -> None:
    """``/metrics`` answers 503 at every second look; 14 requests/s, none of them fails: no failure is made of it."""
    process, turn = answering(steady(14)), [0]

    def status(_: float) -> int:
        turn[0] += 1
        return 503 if turn[0] % 2 else 200

    tells(w, lambda t: process.page(t, w.clock.began), status=status)
    await w.record(minutes=8)
    for minutes in (2, 5):
        w.rate(f"throughput of {minutes} min", await w.performance("throughput", minutes), 14)
    w.not_found("diagnose", await w.diagnose(), rule="errors", least="low")
    w.not_found("no restarts", await w.standup(), rule="gateway.restarts", least="low")


@world(past=6)
async def an_empty_page(w: World) -> None:
    """``/metrics`` answers 200 with nothing: nothing is known, and no zero is told."""
    tells(w, b"")
    await w.record(minutes=6)
    for metric, key in (("throughput", "requests_per_second"), ("error_rate", "error_rate")):
        answer = await w.performance(metric, 5)
        w.expect(metric, "unknown", answer.summary, answer.results.get(key) is None)
    answer = await w.trouble("circuit_breaker")
    clean = answer.code == 0 and not answer.doc["unknown"]
    w.expect("circuit_breaker is not cleared", "unknown", answer.summary, not clean)


@world(past=6)
async def a_series_that_appears_with_the_first_failure(w: World) -> None:
    """The series of 500 appears four minutes in (libraries create it at the first failure): 25 % of 8/s since."""

    def page(t: float) -> str:
        bad = max(0, int(2 * (t - 240)))
        rows = [f'http_requests_total{{status="200",route="/a",tenant="acme"}} {int(8 * (t + 3600)) - bad}']
        rows += [f'http_requests_total{{status="500",route="/a",tenant="acme"}} {bad}'] if bad else []
        return "\n".join(["# TYPE http_requests_total counter", *rows, ""])

    tells(w, page)
    await w.record(minutes=6)
    w.errors("error rate of 1 min", await w.performance("error_rate", 1), 0.25)
    w.errors("error rate of 5 min", await w.performance("error_rate", 5), 240 / 2400)
    w.found("diagnose", await w.diagnose(), rule="errors", least="high")


@world(past=6)
async def ids_in_the_routes(w: World) -> None:
    """300 routes at 0.05/s each, a tenth of all fails: the share is that of all, the document small."""
    p = Process()
    for n in range(300):
        for status, rate in (("200", 0.045), ("500", 0.005)):
            value = lambda t, rate=rate, turn=n / 300: rate * (t + 7200) + turn  # noqa: E731
            p.shows_counter("http_requests_total", value, status=status, route=f"/api/chat/{n}", tenant="acme")
    w.gateway.runs(p)
    await w.record(minutes=6)
    await shares(w, 0.1, 15)
    size = len(str((await w.performance("error_rate", 5)).doc))
    w.expect("size", "at most 40 kB", size, size <= 40_000)


@world(past=6, healthy=True)
async def a_tenant_that_looks_like_a_status(w: World) -> None:
    """A tenant "500", a route "/status/500" and a method "FAIL": nothing of it is a failure."""
    w.gateway.runs(
        Process().counts("http_requests_total", TEN, status="200", route="/status/500", tenant="500", method="FAIL")
    )
    await w.record(minutes=6)
    w.spared("diagnose", await w.diagnose("500"))
    await shares(w, 0, 10)


@world(past=6)
async def five_classes_and_an_unknown_one(w: World) -> None:
    """``1xx`` to ``5xx`` and a tenth "unknown" for which no code was sent: not taken for success silently."""
    w.gateway.runs(parted(**{"1xx": 0.02, "2xx": 0.8, "3xx": 0.05, "5xx": 0.03, "unknown": 0.1}))
    await w.record(minutes=6)
    answer = await w.performance("error_rate", 5)
    given = answer.results.get("error_rate")
    named = "unknown" in str(answer.results)
    w.expect("error rate", "unknown, or at least 3 % with the rest named", f"{given} {answer.summary}",
             given is None or (0.025 <= given <= 0.14 and named))  # fmt: skip


@world(past=6)
async def a_second_counter_of_another_protocol(w: World) -> None:
    """``http_requests_total`` is well and ``grpc_requests_total`` fails: only the gateway's own counter counts."""
    p = answering(steady(12), steady(0.02)).counts("grpc_requests_total", steady(9), status="500", route="/x")
    w.gateway.runs(p)
    await w.record(minutes=6)
    await shares(w, 0.0017, 12)
