"""All worlds by name, and how one of them is run."""

import asyncio
import importlib
import pkgutil
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.worlds import families
from tests.worlds.judging import WRONG, Verdict
from tests.worlds.leaping import LeapingLoop
from tests.worlds.world import World, living

Script = Callable[[World], Awaitable[None]]
LONGEST_SECONDS = 300.0


@dataclass(frozen=True)
class Told:
    """A world as written.

    ``past``: minutes before now at which it begins; ``needs``: binaries it cannot do without; ``night``: a fast one
    that costs seconds of processor and resembles others.
    """

    name: str
    script: Script
    past: float
    fast: bool
    healthy: bool
    needs: tuple[str, ...]
    night: bool = False

    @property
    def about(self) -> str:
        """What it is, in a sentence."""
        return (self.script.__doc__ or "").strip().splitlines()[0]


WORLDS: dict[str, Told] = {}


def world(
    *,
    past: float = 0.0,
    fast: bool = False,
    night: bool = False,
    healthy: bool = False,
    needs: tuple[str, ...] = (),
) -> Callable[[Script], Script]:
    """Put a script into the catalogue, as ``family/name``."""

    def keep(script: Script) -> Script:
        family = script.__module__.rsplit(".", 1)[1]
        name = f"{family}/{script.__name__}"
        assert name not in WORLDS, name
        WORLDS[name] = Told(name, script, past, fast or night, healthy, needs, night)
        return script

    return keep


def all_worlds() -> dict[str, Told]:
    """Every world of every family."""
    for module in pkgutil.iter_modules(families.__path__):
        importlib.import_module(f"{families.__name__}.{module.name}")
    return WORLDS


def play(told: Told) -> tuple[list[Verdict], float]:
    """Run one world on a loop of its own: its verdicts and how many seconds it took. A script that fails is wrong."""
    began = time.monotonic()
    verdicts: list[Verdict] = []

    async def script() -> None:
        async with living(told.past) as made:
            made.verdicts = verdicts
            async with asyncio.timeout(LONGEST_SECONDS + told.past * 60):
                await told.script(made)

    try:
        with asyncio.Runner(loop_factory=LeapingLoop) as runner:
            runner.run(script())
    except Exception as error:
        place = "".join(traceback.format_exception(error)[-3:])[-600:]
        verdicts.append(Verdict("the script ran to its end", "yes", place, WRONG))
    return verdicts, time.monotonic() - began


def play_named(name: str) -> tuple[str, list[Verdict], float]:
    """``play`` for a process of its own, which has to find the world by its name."""
    verdicts, took = play(all_worlds()[name])
    return name, verdicts, took
