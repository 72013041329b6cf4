"""Keys at random on the dashboard of a real server: ``python -m tests.monkey 5000``, one seed after the other.

Nothing is ever confirmed: no Enter, no y and no click of a button in a dialog. So there must be no incident, no action
and no file, but for the records that the program keeps of itself and the exports that ``x`` writes.
"""

import asyncio
import os
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from textual import events

from optimus_tui.contract.keyspace import LimitRules
from optimus_tui.settings.model import RedisTarget, Settings
from optimus_tui.tui.app import OptimusApp
from optimus_tui.tui.base_screen import BaseScreen
from optimus_tui.tui.dashboard.screen import Dashboard
from optimus_tui.tui.dialogs.base import AskDialog, Dialog
from optimus_tui.tui.keys import KEYS
from tests.realserver import RealServer, nobody_port, server_binary
from tests.tui.keys import CHARACTERS

OWN_RECORDS = ("history/", "prompt/", "alerts", ".lock", "crash.txt")
"""Parts of the names of files that the program keeps of itself."""
TYPED = [*"abciqxyz019*", "space", "backspace", "tab", "shift+tab", "enter", "escape", "down", "up", "colon", "slash"]


class Watched(OptimusApp):
    """The program; it does not end, but counts what would have ended it."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.last = ""
        self.painted = False
        """Whether a field was painted when the last key came."""
        self.ends: list[str] = []
        self.is_over = False

    async def _press(self, key: Any) -> None:
        if isinstance(key, events.Key):
            self.last, self.painted = key.key, text_is_painted(self)
        await super()._press(key)

    def exit(self, *arguments: Any, **named: Any) -> None:
        if self.is_over:
            super().exit(*arguments, **named)
        elif self.last not in ("q", "ctrl+q", "enter") or (self.last == "q" and self.painted):
            self.ends.append(f"{self.last} on {type(self.screen).__name__}, painted: {self.painted}")


def text_is_painted(app: Any) -> bool:
    """Return True if something that can be typed into stands on the top screen."""
    fields = app.screen.query("Input, TextArea")
    return any(one.display and not one.disabled and one.region.area for one in fields)


def settings_for(server: RealServer) -> Settings:
    """Return the settings of a server with nobody behind the gateway's address."""
    nobody = f"http://127.0.0.1:{nobody_port()}"
    return Settings(
        environment="monkey",
        writable=True,
        redis=RedisTarget(host="127.0.0.1", port=server.port),
        gateway_url=nobody,
        engine_url=nobody,
        limits=LimitRules(window_seconds=60, limits={"chat": 150}, source="test"),
    )


def keys_of(dice: random.Random, app: Watched) -> Iterator[str]:
    """Yield one to four keys that come in one burst."""
    own = sorted({one for key in KEYS for one in key.keys.split(",")})
    for _ in range(dice.choice((1, 1, 1, 2, 4))):
        yield dice.choice(own if dice.random() < 0.6 else TYPED)


async def press(app: Watched, *keys: str) -> None:
    """Send keys in one burst, and wait until the last has done what it does."""
    for key in keys:
        event = events.Key(key, key if len(key) == 1 else CHARACTERS.get(key))
        event.set_sender(app)
        app.post_message(event)
    for _ in range(2_000):
        await asyncio.sleep(0.001)
        if not app.keys.is_busy and app._message_queue.empty():
            return
    raise AssertionError(f"{keys} never ended on {type(app.screen).__name__}")


async def go_back(app: Watched, dice: random.Random) -> None:
    """Leave dialogs always and screens often, or the keys would stay in the first screen that they came to."""
    if isinstance(app.screen, BaseScreen) and not isinstance(app.screen, Dashboard) and dice.random() < 0.6:
        await press(app, "escape")
    for _ in range(4):
        if isinstance(app.screen, BaseScreen):
            return
        leaves = isinstance(app.screen, AskDialog) and app.screen.dialog_title == "Leave"
        await press(app, "y" if leaves else "escape")


def strays(folder: Path) -> list[str]:
    """Return the files that nobody confirmed."""
    files = [str(path.relative_to(folder)) for path in sorted(folder.rglob("*")) if path.is_file()]
    return [name for name in files if not any(part in name for part in OWN_RECORDS)]


async def monkey(server: RealServer, folder: Path, seed: int, times: int, *, confirms: bool = False) -> dict[str, Any]:
    """Press ``times`` keys at random.

    Args:
        server: What the dashboard watches.
        folder: The state directory, empty.
        seed: Of the keys.
        times: How many keys.
        confirms: Press Enter and y in dialogs, too; then only crashes and ends count.

    Returns:
        The ends that should not have been, the files that should not be there, and how many screens were seen.
    """
    dice, app, pressed = random.Random(seed), Watched(settings_for(server)), 0
    seen: set[str] = set()
    async with app.run_test(size=dice.choice(((80, 24), (140, 42))), notifications=True) as pilot:
        await pilot.pause()
        while pressed < times:
            for key in list(keys_of(dice, app)):
                pressed += 1
                if not confirms and isinstance(app.screen, Dialog) and key in ("enter", "y", "space"):
                    continue
                await press(app, key)
                seen.add(type(app.screen).__name__)
            burst = [key for key in keys_of(dice, app) if confirms or key not in ("enter", "y", "space")]
            pressed += len(burst)
            await press(app, *burst)
            seen.add(type(app.screen).__name__)
            await go_back(app, dice)
        app.is_over = True
        crashed = app.crashed
        app.exit(0)
    return {"ends": app.ends, "files": strays(folder), "seen": seen, "crashed": crashed, "pressed": pressed}


def main(times: int, seeds: int) -> int:
    """Run the monkey once for each seed and print what it did; the exit code is 1 if anything should not have been."""
    bad = 0
    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as folder:
            os.environ["XDG_STATE_HOME"] = folder
            binary = server_binary()
            assert binary, "there is no Redis server here"
            server = RealServer(binary).start()
            try:
                told = asyncio.run(monkey(server, Path(folder), seed, times // seeds, confirms=seed % 2 == 1))
            finally:
                server.stop()
        bad += bool(told["ends"] or told["crashed"] or (told["files"] and seed % 2 == 0))
        print(f"seed {seed}: {told}", flush=True)
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5_000, int(sys.argv[2]) if len(sys.argv) > 2 else 10))
