"""``optimus-tui record`` for real, a minute and a half long, then the questions on the command line."""

from tests.worlds.catalogue import world
from tests.worlds.traffic import Process, answering, crash_loop, phases, share, steady
from tests.worlds.world import World

TEN = steady(10)


async def _record(w: World, minutes: float = 1.6) -> None:
    recorded = await w.cli("record", "--minutes", str(minutes))
    w.expect("the recording", "exit 0", recorded.text[-200:], recorded.code == 0)


async def _rate(w: World, minutes: int, true: float) -> None:
    answer = await w.run("analyze_performance_metrics", metric_type="throughput", time_window_minutes=minutes)
    w.rate(f"throughput of {minutes} min", answer, true)


@world(healthy=True)
async def two_workers(w: World) -> None:
    """Two workers, 9 requests/s each, one failure in 2,000."""
    nine = steady(9)
    for born in (-7200.0, -400.0):
        w.gateway.runs(answering(nine, share(nine, 0.0005), born=born))
    await _record(w)
    w.counter("rate_limit:acme:chat", 30, 50)
    await _rate(w, 1, 18)
    await _rate(w, 3, 18)
    answer = await w.run("analyze_performance_metrics", metric_type="error_rate", time_window_minutes=3)
    w.not_found("error rate", answer, rule="errors")
    w.spared("diagnose", await w.run("diagnose_gateway_health", tenant_id="acme"))
    w.spared("stand-up", await w.cli("standup", "--json"))


@world()
async def a_crash_loop(w: World) -> None:
    """A new process every 12 s, 10 requests/s."""
    w.gateway.runs(*crash_loop(lambda born, died: answering(TEN, born=born, died=died), 12, -60, 300))
    await _record(w)
    await _rate(w, 2, 10)
    w.found("stand-up", await w.cli("standup", "--json"), "restart", least="low")
    w.found("diagnose", await w.run("diagnose_gateway_health", tenant_id="acme"), "restart", least="low")


@world()
async def failures_that_begin(w: World) -> None:
    """After half a minute 40 % of 10 chats/s are answered 504; the breaker opens at last."""
    p = Process()
    for status, total in (("200", phases(10, (30, 6))), ("504", phases(0, (30, 4)))):
        p.counts("http_requests_total", total, method="POST", route="/api/chat", status=status, tenant="acme")
    w.gateway.runs(p.shows("circuit_breaker_state", lambda t: 2 if t > 60 else 0, service="ai_engine"))
    await _record(w)
    answer = await w.run("analyze_performance_metrics", metric_type="error_rate", time_window_minutes=1)
    w.errors("error rate of 1 min", answer, 0.4, key="error_rate")
    w.found("failures", answer, rule="errors", least="high")
    standup = await w.cli("standup", "--json")
    w.found("stand-up: failures", standup, rule="errors", least="high")
    w.found("stand-up: circuit", standup, rule="breaker", least="high")


@world()
async def a_recorder_that_was_interrupted(w: World) -> None:
    """Recorded for 40 s, then nobody for 60 s, then for 50 s: 20 requests/s all the time."""
    w.gateway.runs(answering(steady(20)))
    await _record(w, 0.7)
    await w.cli("tools", before=("sh", "-c", 'sleep 60; exec "$@"', "sh"))
    await _record(w, 0.85)
    await _rate(w, 1, 20)
    await _rate(w, 3, 20)
