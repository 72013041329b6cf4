"""A service is said to have started where that is proved, never because a look was slow."""

import pytest

from optimus_tui.contract.reading import Fault, Reading
from optimus_tui.contract.services import ServerState, ServiceState
from optimus_tui.sampling.staleness import SamplerState, Steadiness
from optimus_tui.settings.model import Settings
from optimus_tui.verdicts.gateway.latency import find_cold_start
from tests.fixed_clock import FixedClock
from tests.listening import Heard

OK = ServiceState(status="healthy", status_code=200, latency_ms=5.0)
SICK = ServiceState(status="unhealthy", status_code=503)
SLOW = ServiceState(status="error", fault=Fault("timeout", "no complete answer in time"))
REFUSED = ServiceState(status="error", fault=Fault("refused", "nobody answers"))


@pytest.mark.parametrize(
    ("looks", "back"),
    [
        ((SLOW, SLOW, SLOW, OK), False),
        ((REFUSED, OK), False),
        ((REFUSED, SICK, REFUSED, OK), False),
        ((REFUSED, REFUSED, OK), True),
        ((REFUSED, SLOW, REFUSED, OK), True),
        ((REFUSED, REFUSED, OK, OK), False),
    ],
)
def test_only_a_connection_refused_for_a_while_proves_a_start(looks: tuple[ServiceState, ...], back: bool) -> None:
    steadiness = Steadiness()
    assert [steadiness.see("gateway", float(at), look) for at, look in enumerate(looks)][-1] is back


def test_a_late_answer_of_the_same_run_of_redis_is_no_start() -> None:
    heard, clock = Heard(), FixedClock()
    state = SamplerState(Settings(), clock, heard)

    def look(uptime: int, run: str) -> list[str]:
        server = ServerState(latency_ms=1.0, uptime_seconds=uptime, run_id=run)
        state.put_server(Reading(value=server, taken_at=clock.wall(), taken_mono=clock.mono()))
        return [one.rule for one in heard.last("health").findings if one.rule == "latency.cold_start"]

    assert look(3_600, "a") == []
    assert look(2, "a") == [], "its age is told wrong, its run is the same"
    assert look(2, "b") == ["latency.cold_start"]


def test_the_figures_of_a_start_agree_with_its_sentence() -> None:
    (found,) = find_cold_start("gateway", 1_000.0, 1_040.0, first_seen=1_013.0)
    assert (found.measured, found.threshold) == (40.0, 43.0)
    assert find_cold_start("gateway", 1_000.0, 1_043.0, first_seen=1_013.0) == []


def test_a_start_stands_below_what_asks_for_something() -> None:
    heard, clock = Heard(), FixedClock()
    state = SamplerState(Settings(), clock, heard)
    for run in ("a", "b"):
        server = ServerState(latency_ms=1.0, uptime_seconds=2, run_id=run)
        state.put_server(Reading(value=server, taken_at=clock.wall(), taken_mono=clock.mono()))
    slow = ServiceState(status="connected", status_code=200, latency_ms=800.0)
    for _ in range(3):
        clock.advance(1.0)
        state.put_engine(Reading(value=slow, taken_at=clock.wall(), taken_mono=clock.mono()))
    low = [one for one in heard.last("health").findings if one.severity == "low"]
    assert [one.rule for one in low][-1] == "latency.cold_start"
    assert "engine" in [one.subject for one in low]
