"""The fast worlds as tests, each by its name, some at night only; ``python -m tests.worlds`` runs all of them."""

import os
import shutil

import pytest

from tests.amounts import at_night
from tests.realserver import server_binary
from tests.worlds.catalogue import Told, all_worlds, play
from tests.worlds.judging import ACCUSED, WRONG

FAST = [
    at_night(told, name=told.name) if told.night else pytest.param(told, id=told.name)
    for told in all_worlds().values()
    if told.fast
]


def _lacking(told: Told) -> list[str]:
    missing = [name for name in told.needs if not shutil.which(name)]
    return missing if server_binary() else ["redis-server", *missing]


@pytest.mark.parametrize("told", FAST)
def test_world_is_told_as_it_is(told: Told) -> None:
    if missing := _lacking(told):
        message = f"not on this machine: {', '.join(missing)}"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    verdicts, _ = play(told)
    assert verdicts
    bad = [
        f"{one.question}: wanted {one.wanted}, given {one.given}" for one in verdicts if one.outcome in (WRONG, ACCUSED)
    ]
    assert not bad, "\n".join(bad)
