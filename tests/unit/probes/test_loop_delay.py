"""Our own event loop's standstills are measured, and not charged to those whom we time."""

import asyncio
import functools
import selectors
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from optimus_tui.contract.reading import Fault
from optimus_tui.probes.load_meter import disturbed, measured_ms, starved, watching
from optimus_tui.tools.answer import out_of_time
from optimus_tui.tools.parts import deadline, not_in_time
from optimus_tui.verdicts.gateway.services import judge_engine, judge_server
from tests.standin import standing_in


class SteppedLoop(asyncio.SelectorEventLoop):
    """A loop whose time moves by what is slept and by ``stand_still``, and by nothing else."""

    def __init__(self) -> None:
        self.now = self.used = 0.0
        super().__init__(_Stepping(self))

    def time(self) -> float:
        return self.now


class _Stepping(selectors.SelectSelector):
    def __init__(self, loop: SteppedLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        self._loop.now += timeout or 0.0
        return super().select(0)


def stepped(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Run a test on such a loop; the process has used no processor time but what ``stand_still`` says."""

    @functools.wraps(test)
    def run() -> None:
        with asyncio.Runner(loop_factory=SteppedLoop) as runner, pytest.MonkeyPatch.context() as patch:
            loop: Any = runner.get_loop()
            patch.setattr(time, "process_time", lambda: loop.used)
            runner.run(test())

    return run


def stand_still(seconds: float, *, working: bool = False) -> None:
    """Hold up the loop; ``working``: by using the processor."""
    loop: Any = asyncio.get_running_loop()
    loop.now += seconds
    if working:
        loop.used += seconds


@stepped
async def test_a_blocked_loop_is_taken_out_of_what_is_timed() -> None:
    with watching() as span:
        await asyncio.sleep(0.02)
        stand_still(0.3)
        await asyncio.sleep(0)
        took, own = span.took_ms, span.own_ms
    assert own == pytest.approx(300, abs=6)
    assert took < 30
    assert disturbed(took, own)


@stepped
async def test_an_idle_loop_has_no_delay() -> None:
    with watching() as span:
        await asyncio.sleep(0.1)
        assert span.own_ms < 1
        assert span.took_ms == pytest.approx(100, abs=1)


@stepped
async def test_a_standstill_counts_only_from_the_beginning_of_the_measurement() -> None:
    with watching():
        stand_still(0.2)
        with watching() as inner:
            await asyncio.sleep(0.01)
            assert inner.own_ms < 6


@stepped
async def test_a_deadline_that_passed_while_we_stood_still_says_so() -> None:
    with watching():
        stand_still(0.6)
        await asyncio.sleep(0)
        assert "gave this program no CPU for 0.6 s" in starved(1.0)
        fault = not_in_time("Redis", 1.0)
        assert fault.kind == "starved" and "no CPU for 0." in fault.message
        assert starved(60.0) == ""
    assert "slow or hung" in out_of_time("diagnose_gateway_health", 8.0).error.message


@stepped
async def test_an_answer_that_waits_for_a_processor_is_not_thrown_away() -> None:
    with watching():
        async with deadline(8.0):
            await asyncio.sleep(7.1)
            stand_still(0.6)
            await asyncio.sleep(0)
            stand_still(0.7)
            await asyncio.sleep(0.2)
        assert asyncio.get_running_loop().time() > 8.0, "it ended after its deadline, and stands"


@stepped
async def test_time_that_others_took_is_not_added_to_a_deadline() -> None:
    async def block() -> None:
        async with deadline(8.0):
            stand_still(1.0)
            await asyncio.sleep(60)

    with watching():
        began = asyncio.get_running_loop().time()
        with pytest.raises(TimeoutError):
            await block()
        assert asyncio.get_running_loop().time() - began == pytest.approx(9.0, abs=0.05)


@stepped
async def test_a_deadline_ends_even_where_this_process_hardly_runs() -> None:
    async def block() -> None:
        async with deadline(8.0):
            while True:
                stand_still(0.5)
                await asyncio.sleep(0.01)

    with watching():
        began = asyncio.get_running_loop().time()
        with pytest.raises(TimeoutError):
            await block()
        assert asyncio.get_running_loop().time() - began == pytest.approx(12.0, abs=0.6)


def test_a_look_that_starvation_spoilt_accuses_nobody() -> None:
    from optimus_tui.contract.reading import Reading
    from optimus_tui.contract.services import ServiceState

    fault = Fault("starved", "this machine gave us no CPU")
    seen = Reading(value=ServiceState(status="unknown", fault=fault), taken_at=0, taken_mono=0, fault=fault)
    (engine,) = judge_engine(seen)
    (server,) = judge_server(Reading(value=None, taken_at=0, taken_mono=0, fault=fault))
    assert (engine.rule, engine.severity) == ("services.engine_unknown", "medium")
    assert (server.rule, server.severity) == ("server.unknown", "medium")


async def test_an_engine_of_a_millisecond_is_quick_while_our_loop_is_blocked_and_the_cpu_is_busy() -> None:
    from optimus_tui.clock import Clock
    from optimus_tui.probes.http.fetch import new_http_client
    from optimus_tui.probes.http.integration import time_service
    from optimus_tui.probes.http.services import look

    ends = threading.Event()

    def burn() -> None:
        while not ends.is_set():
            sum(range(1000))

    with standing_in() as service:
        async with new_http_client() as http:
            await look(http, f"{service.url}/health")
            burner = threading.Thread(target=burn, daemon=True)
            burner.start()
            blocked = asyncio.create_task(_block(0.4))
            seen = await look(http, f"{service.url}/health")
            await blocked
            timed = await time_service(http, Clock(), f"{service.url}/health", 5)
            ends.set()
            burner.join()
    assert seen.answer is not None and seen.answer.own_ms >= 300
    assert seen.answer.took_ms < seen.answer.own_ms
    counted = [one for one in timed if one.counts]
    assert counted and all(one.ms < 150 for one in counted)  # type: ignore[operator]
    assert all(disturbed(one.ms, one.own_ms) for one in timed if not one.counts), "left out only for our own delay"  # type: ignore[arg-type]


async def _block(seconds: float) -> None:
    await asyncio.sleep(0)
    time.sleep(seconds)  # noqa: ASYNC251


@stepped
async def test_a_standstill_in_the_middle_of_a_wait_is_not_taken_from_the_other_sides_time() -> None:
    """An engine of 1,500 ms was told as 1,271 ms: our delay overlapped with its own."""
    with watching() as span:
        span.sent()
        await asyncio.sleep(0.05)
        stand_still(0.3)
        await asyncio.sleep(0.15)
        took, own = span.took_ms, span.own_ms
    assert own < 6 and took == pytest.approx(500, abs=6)


@stepped
async def test_a_standstill_before_the_request_and_one_at_its_end_are_ours() -> None:
    with watching() as span:
        await asyncio.sleep(0.01)
        stand_still(0.2)
        await asyncio.sleep(0)
        span.sent()
        await asyncio.sleep(0.1)
        stand_still(0.15)
        await asyncio.sleep(0)
        took, own = span.took_ms, span.own_ms
    assert own == pytest.approx(350, abs=12) and took == pytest.approx(110, abs=12)


@stepped
async def test_a_machine_that_gives_us_cpu_in_small_pieces_only_is_said_to_starve_us() -> None:
    """Many standstills below a quarter of a second, in which this process used nothing."""
    with watching():
        for _ in range(8):
            stand_still(0.08)
            await asyncio.sleep(0.006)
        assert "gave this program no CPU" in starved(1.0)


@stepped
async def test_a_machine_that_is_merely_busy_excuses_no_service_that_hangs() -> None:
    """Ten milliseconds late at each look is no reason not to have heard an answer in a second."""
    with watching():
        for _ in range(60):
            stand_still(0.012)
            await asyncio.sleep(0.006)
        assert starved(1.0) == ""


@stepped
async def test_work_of_our_own_in_small_pieces_is_no_starvation() -> None:
    """A service that floods us keeps us busy: that is told as what it is."""
    with watching():
        for _ in range(8):
            stand_still(0.05, working=True)
            await asyncio.sleep(0.006)
        assert starved(4.0) == ""


@pytest.mark.parametrize(
    ("took", "own", "told"),
    [(0.0, 80.0, None), (0.01, 0.5, None), (0.0, 0.0, 0.0), (0.3, 80.0, 0.3), (12.0, 0.0, 12.0)],
)
def test_what_our_own_delay_ate_is_unknown_and_not_zero(took: float, own: float, told: float | None) -> None:
    assert measured_ms(took, own) == told
