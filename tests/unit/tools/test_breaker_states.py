"""Circuit breakers of several processes: the states of those that the look of now did not meet."""

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any, cast

from optimus_tui.context import Context
from optimus_tui.contract.services import MetricsState
from optimus_tui.tools.figures.metric_windows import by_process, kept_breakers

NOW = 1_795_000_000.0
NAME = "circuit_breaker_state|service=mail"
OLD, YOUNG = NOW - 9000, NOW - 400


def kept(*looks: tuple[float, float, float | None]) -> Context:
    """What was kept of looks: (seconds ago, process, state where it changed)."""
    samples = {
        "metrics.process": [(NOW - ago, process) for ago, process, _ in looks],
        "metrics.started": [(NOW - ago, process) for ago, process, _ in looks if process],
        NAME: [(NOW - ago, state) for ago, _, state in looks if state is not None],
    }

    async def names(prefix: str) -> list[str]:
        return [name for name in samples if name.startswith(prefix)]

    async def many(asked: Iterable[str], since: float, until: float) -> dict[str, Any]:
        return {name: [one for one in samples[name] if since <= one[0] <= until] for name in asked}

    store = SimpleNamespace(names=names, many=many)
    return cast("Context", SimpleNamespace(store=store, clock=SimpleNamespace(wall=lambda: NOW)))


async def states(*looks: tuple[float, float, float | None]) -> list[float]:
    return sorted(one.values[NAME] for one in await kept_breakers(kept(*looks)))


async def test_each_process_met_within_a_minute_tells_its_latest_state() -> None:
    assert await states((300, OLD, 0.0), (290, YOUNG, 2.0), (20, OLD, None), (10, YOUNG, None)) == [0.0, 2.0]


async def test_a_process_that_was_replaced_tells_nothing_of_now() -> None:
    newest = NOW - 25
    assert await states((50, OLD, 2.0), (30, OLD, None), (20, newest, 0.0), (10, newest, None)) == [0.0]


async def test_one_restart_among_three_takes_no_state_of_the_others_away() -> None:
    third, newest = NOW - 5000, NOW - 25
    looks = ((50, OLD, 2.0), (40, YOUNG, 0.0), (30, third, 0.0), (10, newest, 0.0))
    assert await states(*looks) == [0.0, 0.0, 0.0, 2.0]


async def test_a_process_that_was_met_two_minutes_ago_is_left_out() -> None:
    assert await states((120, OLD, 2.0), (10, YOUNG, 0.0)) == [0.0]


async def test_where_nothing_tells_processes_apart_a_breaker_that_goes_back_and_forth_has_both_states() -> None:
    assert await states((40, 0.0, 0.0), (30, 0.0, 2.0), (20, 0.0, 0.0), (10, 0.0, 2.0)) == [0.0, 2.0]
    assert await states((40, 0.0, 0.0), (30, 0.0, 2.0), (20, 0.0, 0.0), (10, 0.0, None)) == [0.0]  # it closed again


def test_a_later_page_of_a_process_takes_the_place_of_an_earlier_one() -> None:
    pages = [MetricsState(process=OLD, values={NAME: 2.0}), MetricsState(process=OLD, values={NAME: 0.0})]
    assert by_process(pages) == pages[1:]
    untold = [MetricsState(values={NAME: 2.0}), MetricsState(values={NAME: 0.0}), MetricsState(values={NAME: 2.0})]
    assert {one.values[NAME] for one in by_process(untold)} == {0.0, 2.0}
