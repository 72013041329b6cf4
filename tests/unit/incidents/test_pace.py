"""How often services are measured, by the times of their measurements."""

from types import SimpleNamespace
from typing import Any

import pytest

from optimus_tui.incidents.came import what_came
from optimus_tui.incidents.pace import USUAL_SECONDS, slowest
from optimus_tui.workflow.proof import need_of
from tests.unit.workflow.driver import found


@pytest.mark.parametrize(
    ("series", "seconds"),
    [
        ([], USUAL_SECONDS),
        ([[0.0, 2.0, 4.0], [0.0, 5.0, 10.0, 15.0]], 5.0),
        ([[0.0, 0.5, 1.0]], USUAL_SECONDS),
        ([[0.0, 2.0, 90.0, 92.0, 94.0]], 2.0),
        ([[0.0, 2.0, 4.0, 10.0, 12.0]], 3.0),
        ([[0.0, 9.0]], USUAL_SECONDS),
    ],
)
def test_the_slowest_service_sets_the_pace(series: list[list[float]], seconds: float) -> None:
    assert slowest(series) == seconds


class Windows:
    """A history in which the engine failed so often, and answered so often in time."""

    def __init__(self, failed: int, timed: int) -> None:
        self.kept = {"state.engine": [0.0] * failed + [1.0] * timed, "latency.engine": [9.0] * timed}

    async def series(self, name: str, minutes: float) -> Any:
        return SimpleNamespace(samples=tuple((float(at), value) for at, value in enumerate(self.kept[name])))


@pytest.mark.parametrize(
    ("rule", "failed", "timed", "lacks", "words"),
    [
        ("services.engine", 5, 0, False, "5 of 5 checks of engine came"),
        ("services.engine", 2, 1, True, "3 of 5 checks of engine came, waiting for 2 more"),
        ("latency.p95", 10, 5, False, "15 of 15 checks of engine came"),
    ],
)
async def test_a_failed_look_is_a_look(rule: str, failed: int, timed: int, lacks: bool, words: str) -> None:
    need = need_of([found(rule, subject="engine")], outside=True)
    (came,) = await what_came(SimpleNamespace(windows=Windows(failed, timed)), need, 0.0)  # type: ignore[arg-type]
    assert (came.lacks, came.words) == (lacks, words)
