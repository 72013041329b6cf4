"""The proof after a remedy on a real server: it waits for what it needs, counts only what came since, and says so."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from optimus_tui.clock import Clock
from optimus_tui.context import Context
from optimus_tui.contract.incident import ActionRecord
from optimus_tui.incidents.open import open_incident
from optimus_tui.incidents.proof import FILLS, Prover, sentence_of
from optimus_tui.incidents.service import IncidentService
from optimus_tui.workflow.proof import FOLLOW_SECONDS
from tests.live.tools.driver import system
from tests.realserver import RealServer

pytestmark = pytest.mark.live


class ShiftedClock(Clock):
    """The real clock, moved forward by hand."""

    ahead = 0.0

    def wall(self) -> float:
        return super().wall() + self.ahead

    def mono(self) -> float:
        return super().mono() + self.ahead


class Slow:
    """An incident whose engine was slow for minutes, with its latency as a dashboard records it."""

    def __init__(self, context: Context, service: IncidentService, clock: ShiftedClock) -> None:
        self.context, self.service, self.clock, self.told = context, service, clock, list[str]()
        self.prover = Prover(service, lambda record: self.told.append(sentence_of(record)))

    async def seconds(self, number: int, ms: float) -> None:
        """Let time pass in which the engine answers in ``ms``."""
        for _ in range(number // 2):
            self.clock.ahead += 2.0
            self.context.store.put(self.clock.wall(), {"latency.engine": ms, "state.engine": 1.0})

    @property
    def record(self) -> ActionRecord:
        return self.service.state.action_records[-1]


@asynccontextmanager
async def slow_engine(server: RealServer, folder: Path) -> AsyncIterator[Slow]:
    server.command("CONFIG", "SET", "slowlog-log-slower-than", "-1")  # a busy machine's slow commands are no part of it
    server.command("SLOWLOG", "RESET")
    try:
        async with system(server.port, folder) as (context, _):
            clock = ShiftedClock()
            context.clock = clock
            for ago in range(120, 0, -2):
                context.store.put(clock.wall() - ago, {"latency.engine": 829.0, "state.engine": 1.0})
            service = await open_incident(context, root=folder / "incidents")
            await service.choose("high_latency")
            step = await service.run("identify")
            assert step.outcome and "engine" in {one.subject for one in step.outcome.findings}, step.outcome
            yield Slow(context, service, clock)
            await service.aclose()
    finally:
        server.command("CONFIG", "SET", "slowlog-log-slower-than", "10000")


async def test_a_right_remedy_is_fixed_once_enough_came_and_never_worse(server: RealServer, tmp_path: Path) -> None:
    async with slow_engine(server, tmp_path) as slow:
        record = await slow.service.remedied("engine restarted", ended=slow.clock.wall())
        assert (record.verdict, record.need) == (None, "15 checks of engine")
        await slow.prover.turn()
        assert slow.told == [] and slow.record.verdict is None, "too early"
        await slow.seconds(20, 12.0)
        slow.clock.ahead += 12.0  # its time has come, but nobody measured for a while
        await slow.prover.turn()
        assert slow.record.verdict is None and "of 15 checks of engine came" in slow.record.need
        await slow.seconds(14, 12.0)
        await slow.prover.turn()
        assert slow.record.verdict == "fixed", slow.record
        (told,) = slow.told
        assert told.startswith("engine restarted: fixed 4") and " after you acted: engine" in told, told
        assert slow.service.state.repaired is not None


async def test_a_wrong_remedy_is_the_same_and_a_right_one_after_it_is_proved(
    server: RealServer, tmp_path: Path
) -> None:
    async with slow_engine(server, tmp_path) as slow:
        await slow.service.remedied("client blocked", ended=slow.clock.wall())
        await slow.seconds(36, 829.0)
        await slow.prover.turn()
        assert slow.record.verdict == "same", slow.record
        assert ": not fixed " in slow.told[-1] and slow.service.state.repaired is None
        await slow.seconds(50, 12.0)  # it goes by itself: the check runs again, over what came since the last one
        await slow.prover.turn()
        assert slow.record.verdict == "fixed", slow.record
        assert len(slow.told) == 2


async def test_where_too_little_comes_for_ten_minutes_it_is_not_known(server: RealServer, tmp_path: Path) -> None:
    async with slow_engine(server, tmp_path) as slow:
        await slow.service.remedied("engine restarted", ended=slow.clock.wall())
        await slow.seconds(4, 12.0)
        slow.clock.ahead += 700.0
        await slow.prover.turn()
        assert slow.record.verdict == "unknown"
        await slow.prover.turn()
        assert "too little was recorded since" in slow.told[-1], slow.told
        assert slow.service.state.repaired is None
        lines = len(slow.service.state.timeline)
        slow.clock.ahead += FOLLOW_SECONDS
        await slow.prover.turn()
        assert len(slow.service.state.timeline) == lines, "it is not followed for ever"


async def test_a_counter_that_fills_up_again_is_not_checked_before_it_is_full_or_its_window_has_ended(
    server: RealServer, tmp_path: Path
) -> None:
    server.command("SET", "rate_limit:clinic_a:chat", "160", "EX", "40")
    async with system(server.port, tmp_path) as (context, _):
        context.clock = clock = ShiftedClock()
        service = await open_incident(context, root=tmp_path / "incidents")
        await service.choose("rate_limiting", "clinic_a")
        await service.run("identify")
        record = await service.remedied("the client is blocked", ended=clock.wall())
        assert record.rules == ("limits.over",), record
        server.command("SET", "rate_limit:clinic_a:chat", "10", "EX", "40")
        told, filling, asked = list[str](), [True], list[str]()

        def fills(subject: str) -> bool:
            asked.append(subject)
            return filling[0]

        prover = Prover(service, lambda one: told.append(sentence_of(one)), fills)
        clock.ahead += 65.0
        await prover.turn()
        late = service.state.action_records[-1]
        assert (told, late.verdict, late.need) == ([], None, FILLS) and late.due is not None
        assert set(asked) == {"clinic_a / chat"}
        filling.clear()
        filling.append(False)
        clock.ahead += 10.0
        await prover.turn()
        assert service.state.action_records[-1].verdict == "fixed", told
        await service.aclose()
