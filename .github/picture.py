"""Take the pictures of README and docs from a running demo: ``python .github/picture.py [NAME…]``.

Without a NAME all are taken: dashboard, triage, incident, wizard, standup, tour. Each becomes
``docs/pictures/NAME.svg``: a real screen on real traffic, what a command printed, or (tour) a recording of several
screens. Needs the extra ``demo``. Your own state is not touched.
"""

import asyncio
import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from recording import join
from rich.console import Console
from rich.text import Text
from textual.pilot import Pilot

from optimus_tui.assets import asset_dir
from optimus_tui.demo.command import DemoHandle, demo_settings
from optimus_tui.tui.app import OptimusApp

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
SIZE = (140, 42)
TOUR_SIZE = (120, 36)
SECONDS = 75
"""How long the dashboard collects before it is used: long enough for slopes, rates and the first findings."""

FRAME_SECONDS = 4.0
"""How long the recording shows one screen."""
TOUR: tuple[tuple[tuple[str, ...], float, str], ...] = (
    ((), 0, "four panes: health, limits, cache keys, coherence events"),
    (("1", "down", "e"), 0, "e: the rule behind a finding, and what to do"),
    (("escape", "2", "z"), 1, "2 and z: the limits of every tenant"),
    (("z", "1", "i"), 3, "i: an incident, step by step"),
    (("enter",), 8, "enter: it begins with a health check"),
    (("enter",), 8, "enter: the next step examines what that points to"),
    (("enter",), 8, "what was measured, and why it matters"),
)
"""The recording: the keys before each screen, the seconds that they take, and its title."""

Steps = Callable[[Pilot[Any]], Awaitable[None]]


async def dashboard(pilot: Pilot[Any]) -> None:
    """Open a row of the cache keys, and go back to the limits."""
    await press(pilot, "3", "down", "enter", "2")


async def triage(pilot: Pilot[Any]) -> None:
    """Show the rule, the threshold and the measured value behind the first finding."""
    await press(pilot, "1", "down", "e")


async def incident(pilot: Pilot[Any]) -> None:
    """Open an incident and run its first steps."""
    await press(pilot, "i")
    await pilot.pause(3)
    for _ in range(3):
        await press(pilot, "enter")
        await pilot.pause(8)


async def wizard(pilot: Pilot[Any]) -> None:
    """Fill in a router and look at what would be written."""
    await press(pilot, "ctrl+n")
    await pilot.pause(3)
    await press(pilot, *"products", "enter")
    for _ in range(4):
        await pilot.pause(1)
        await press(pilot, "enter")
    await pilot.pause(15)


async def press(pilot: Pilot[Any], *keys: str) -> None:
    """Press keys one after the other, with time to answer between them."""
    for key in keys:
        await pilot.press(key)
        await pilot.pause(0.3)


SCREENS: dict[str, tuple[str, Steps]] = {
    "dashboard": ("immortal-counter", dashboard),
    "triage": ("engine-slow", triage),
    "incident": ("engine-slow", incident),
    "wizard": ("quiet", wizard),
}
"""By name: the scenario, and what is done before the picture is taken."""


async def take(handle: DemoHandle, steps: Steps, source: Path) -> str:
    """Open the dashboard on the demo, let it collect, take the steps, and return the picture."""
    app = OptimusApp(demo_settings(handle, source_path=source), handle)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause(SECONDS)
        await steps(pilot)
        await pilot.pause(3)
        return app.export_screenshot(title="optimus-tui demo")


async def tour(handle: DemoHandle) -> str:
    """Open the dashboard on the demo, go through the screens of the recording, and return it."""
    app, pictures = OptimusApp(demo_settings(handle), handle), []
    async with app.run_test(size=TOUR_SIZE) as pilot:
        await pilot.pause(SECONDS)
        for keys, seconds, title in TOUR:
            await press(pilot, *keys)
            await pilot.pause(seconds + 1)
            pictures.append(app.export_screenshot(title=title, simplify=True))
    return join(pictures, FRAME_SECONDS)


def standup(handle: DemoHandle) -> str:
    """Run the command ``standup`` on the demo and return a picture of what it printed."""
    names = (("BACKEND_ORCHESTRATOR_URL", handle.urls.gateway), ("AI_ENGINE_URL", handle.urls.engine))
    env = os.environ | dict(names) | {"REDIS_URL": handle.urls.redis, "COLUMNS": "80"}
    words = [sys.executable, "-m", "optimus_tui", "standup"]
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=60)  # noqa: S603
    printed = Text.from_ansi(f"$ optimus-tui standup\n{done.stdout.rstrip()}")
    console = Console(record=True, width=80, file=open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    console.print(printed)
    return console.export_svg(title="optimus-tui standup")


def plain(picture: str) -> str:
    """Return the picture without fonts from elsewhere: any monospace font of the reader will do."""
    picture = re.sub(r"@font-face \{.*?\}", "", picture, flags=re.DOTALL)
    return picture.replace("Fira Code", "ui-monospace, Menlo, DejaVu Sans Mono").replace(
        "<svg ", '<svg xml:space="preserve" ', 1
    )


def gateway(place: Path) -> Path:
    """Copy the reference gateway into a repository of its own, so that the wizard has nothing to warn about."""
    shutil.copytree(asset_dir("templates") / "orchestrator", place, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    author = ("-c", "user.name=Optimus TUI", "-c", "user.email=nobody@localhost")
    for words in (("init", "-q"), ("add", "-A"), (*author, "commit", "-q", "-m", "shop: begin")):
        subprocess.run(["git", *words], cwd=place, check=True, timeout=30)  # noqa: S603, S607
    return place


@contextlib.contextmanager
def demo(scenario: str) -> Iterator[DemoHandle]:
    """Run the demo until it is ready, and end it afterwards."""
    handle = DemoHandle(scenario).start()
    try:
        until = time.monotonic() + 60
        while not handle.ready and time.monotonic() < until:
            handle.changed.wait(0.5)
            handle.changed.clear()
        yield handle
    finally:
        handle.stop()


def main() -> None:
    """Take the pictures that the command line names, or all."""
    wanted = sys.argv[1:] or [*SCREENS, "standup", "tour"]
    for name in wanted:
        with tempfile.TemporaryDirectory() as folder:
            for variable in ("XDG_STATE_HOME", "XDG_CONFIG_HOME"):
                os.environ[variable] = folder
            if name == "standup":
                with demo("noisy-tenant") as handle:
                    time.sleep(SECONDS)
                    picture = standup(handle)
            elif name == "tour":
                with demo("engine-slow") as handle:
                    picture = asyncio.run(tour(handle))
            else:
                scenario, steps = SCREENS[name]
                with demo(scenario) as handle:
                    picture = asyncio.run(take(handle, steps, gateway(Path(folder) / "shop")))
        file = FOLDER / f"{name}.svg"
        file.write_text(plain(picture), "utf-8")
        sys.stdout.write(f"{file}\n")


if __name__ == "__main__":
    main()
