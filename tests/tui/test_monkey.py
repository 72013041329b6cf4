"""Keys at random, in bursts too: no crash, no end but by q, nothing made that was not confirmed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.amounts import amount
from tests.monkey import monkey
from tests.realserver import RealServer

KEYS = amount(500, 5_000, "OPTIMUS_MONKEY_KEYS")


@pytest.mark.usefixtures("drawn")
@pytest.mark.parametrize(("seed", "confirms"), [(0, False), (1, True)])
async def test_random_keys_end_crash_and_make_nothing(
    seed: int, confirms: bool, redis: RealServer, tmp_path: Path, make_server: Callable[..., RealServer]
) -> None:
    told = await monkey(redis, tmp_path, seed, KEYS // 2, confirms=confirms)
    assert (told["crashed"], told["ends"]) == (False, [])
    assert confirms or told["files"] == []
    assert len(told["seen"]) > 4, "the keys led nowhere"
