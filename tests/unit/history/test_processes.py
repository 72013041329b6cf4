"""Rates of several processes behind one address: every history that can happen gives the truth, a bound, or unknown."""

import itertools
import random
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from optimus_tui.contract.reading import Reading
from optimus_tui.contract.services import Increase, MetricsState
from optimus_tui.history.samples.process_lives import ProcessReading
from optimus_tui.history.samples.processes import Growth, grow
from optimus_tui.history.samples.store import Store
from optimus_tui.history.samples.windows import Windows
from optimus_tui.sampling.record import Recorder
from optimus_tui.settings.model import Settings
from tests.amounts import amount
from tests.fixed_clock import FixedClock

NOW = 1_795_000_000.0
OK, BAD = "http_requests_total|route=/a|status=200", "http_requests_total|route=/a|status=500"


class Life(NamedTuple):
    """A worker from its start to its end, with requests a second that succeed and that fail."""

    start: float
    end: float
    good: float
    bad: float


class World(NamedTuple):
    lives: list[Life]
    looks: list[float]
    seed: int
    tells: bool
    minutes: float

    def truth(self, since: float, until: float) -> float:
        return sum(
            (one.good + one.bad) * max(0.0, min(until, one.end) - max(since, one.start)) for one in self.lives
        ) / (until - since)


def page(life: Life, at: float, *, tells: bool) -> MetricsState:
    age = at - life.start
    counted = {OK: float(int(life.good * age)), BAD: float(int(life.bad * age))}
    return MetricsState(
        metrics=("http_requests_total",),
        process=life.start if tells else None,
        started_at=life.start if tells else None,
        values={name: value for name, value in counted.items() if value},
    )


@st.composite
def worlds(draw: st.DrawFn, *, tells: bool = True, most: int = 4, restarts: int = 4) -> World:
    dice = random.Random(draw(st.integers(0, 10**9)))
    horizon = NOW - 2000
    lives = []
    for _ in range(draw(st.integers(1, most))):
        good, bad = dice.uniform(5, 60), dice.choice([0.0, dice.uniform(1, 10)])
        begins = sorted(NOW - dice.uniform(1, 900) for _ in range(draw(st.integers(0, restarts))))
        starts = [horizon - dice.uniform(0, 50_000), *begins]
        pauses = [dice.choice([0.0, 3.0]) if after - start > 12 else 0.0 for start, after in itertools.pairwise(starts)]
        ends = [after - pause for after, pause in zip(starts[1:], pauses, strict=True)]
        lives += [Life(start, end, good, bad) for start, end in zip(starts, [*ends, NOW + 1], strict=True)]
    every, at, looks = dice.choice([5.0, 10.0, 10.0, 15.0, 30.0]), horizon + dice.uniform(0, 30), list[float]()
    gap_at, gap = dice.uniform(60, 1200), dice.choice([0.0, 0.0, 100.0, 400.0])
    while at <= NOW:
        if not NOW - gap_at - gap < at < NOW - gap_at:
            looks.append(at)
        at += every + dice.uniform(0, 0.3)
    return World(lives, looks, dice.randrange(10**9), tells, draw(st.sampled_from([1, 2, 3, 5, 10, 15])))


async def recorded(world: World, path: Path) -> Increase:
    """The answer of the windows to what the recorder kept of this world."""
    clock = FixedClock(wall=world.looks[0])
    store = Store(path / f"{uuid4()}.sqlite", clock=clock)
    recorder, dice = Recorder(lambda: store, clock), random.Random(world.seed)
    for at in world.looks:
        clock.advance(at - clock.wall())
        alive = [one for one in world.lives if one.start <= at < one.end]
        if alive:
            state = page(dice.choice(alive), at, tells=world.tells)
            recorder.take("metrics", Reading(value=state, taken_at=at, taken_mono=clock.mono()))
    recorder.flush()
    clock.advance(NOW - clock.wall())
    try:
        return await Windows(Settings(), lambda: store, None, clock).increase("http_requests_total", world.minutes)
    finally:
        await store.close()


SWEEP = settings(
    max_examples=amount(25, 60), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def judge(world: World, found: Increase) -> None:
    if found.covered_minutes <= 0:
        return
    truth = max(world.truth(NOW - world.minutes * 60, NOW), world.truth(NOW - found.covered_minutes * 60 - 90, NOW))
    rate = found.total / (found.covered_minutes * 60)
    rounding = 2.0 * len(found.series) * max(1, found.processes) / (found.covered_minutes * 60) * 4
    assert rate <= truth * 1.02 + rounding, (rate, truth, found)


@SWEEP
@given(world=worlds())
async def test_a_rate_of_processes_that_tell_themselves_apart_is_never_above_the_truth(
    world: World, tmp_path: Path
) -> None:
    judge(world, await recorded(world, tmp_path))


@SWEEP
@given(world=worlds(tells=False, restarts=1))
async def test_a_rate_of_processes_that_cannot_be_told_apart_is_unknown_or_not_above_the_truth(
    world: World, tmp_path: Path
) -> None:
    judge(world, await recorded(world, tmp_path))


@SWEEP
@given(world=worlds(restarts=0))
async def test_a_rate_of_processes_that_go_on_is_the_truth(world: World, tmp_path: Path) -> None:
    found = await recorded(world, tmp_path)
    truth = world.truth(NOW - 60, NOW)
    if found.covered_minutes <= 0 or found.lower_bound:
        return
    rate = found.total / (found.covered_minutes * 60)
    rounding = 2.0 * len(found.series) * max(1, found.processes) / (found.covered_minutes * 60) * 4
    alive = len(world.lives)
    if found.processes == alive:
        assert rate == pytest.approx(truth, rel=0.02, abs=rounding)


@SWEEP
@given(world=worlds(tells=False, most=1, restarts=0))
async def test_one_process_that_does_not_tell_its_start_has_its_true_rate(world: World, tmp_path: Path) -> None:
    found = await recorded(world, tmp_path)
    if len([at for at in world.looks if at >= NOW - world.minutes * 60]) < 2:
        return
    rounding = 2.0 * len(found.series) / (found.covered_minutes * 60)
    assert found.total / (found.covered_minutes * 60) == pytest.approx(world.truth(NOW - 60, NOW), abs=rounding)
    assert not found.lower_bound and found.restarts == 0


def steady(jump: dict[str, float], length: int = 1, rates: dict[str, float] | None = None) -> Growth:
    """Twenty-two looks, two seconds apart, at what does not tell its start; a step holds so much more of a series."""
    rates = {OK: 9.0} if rates is None else rates
    looks = [ProcessReading(NOW + 2.0 * number) for number in range(22)]
    found = {
        name: [
            (
                look.at,
                100.0 + rates.get(name, 0.0) * 2 * number + jump.get(name, 0.0) * min(max(0, number - 11), length),
            )
            for number, look in enumerate(looks)
        ]
        for name in {**rates, **jump}
    }
    return grow(looks, found, NOW)


OTHER = "http_requests_total|route=/b|status=200"


@pytest.mark.parametrize(
    ("jump", "length", "rates"),
    [
        ({OK: 20_000.0, BAD: 1_500.0}, 1, {OK: 9.0}),  # the balancer went on to an older worker
        ({OK: 20_000.0, OTHER: 3_000.0}, 1, {OK: 9.0, OTHER: 1.0}),
    ],
)
def test_a_jump_of_all_that_moves_is_another_process(
    jump: dict[str, float], length: int, rates: dict[str, float]
) -> None:
    assert steady(jump, length, rates).several


@pytest.mark.parametrize(
    ("jump", "length", "rates"),
    [
        ({OK: 2_000.0}, 3, {OK: 9.0}),  # a burst of several looks
        ({BAD: 1_500.0}, 1, {OK: 9.0}),  # failures alone, while all else went on
        ({OK: 80.0}, 1, {OK: 9.0}),  # within what one look of ordinary traffic may hold
        ({OK: 2_000.0}, 1, {}),  # nothing else ever moved: who knows
    ],
)
def test_a_burst_is_counted(jump: dict[str, float], length: int, rates: dict[str, float]) -> None:
    found = steady(jump, length, rates)
    assert not found.several
    assert sum(one.increase for one in found.series) == pytest.approx(
        sum(rates.values()) * 42 + sum(jump.values()) * length
    )
