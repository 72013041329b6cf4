"""Observer mode on the wire (figure F8): every key, command, palette entry and menu line, and 0 writes. Row 77.

Who says so is the server: MONITOR, its statistics of commands, its count of changes, and its data (``witness``).
"""

import asyncio
import gc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input

from optimus_tui.contract.keyspace import GroupTotals
from optimus_tui.tui.commands import COMMANDS
from optimus_tui.tui.dialogs.base import HELD_SECONDS, Dialog, QuestionDialog
from optimus_tui.tui.incidents.screen import IncidentScreen
from optimus_tui.tui.keys import KEYS
from tests.amounts import WHOLE, amount
from tests.live.keywalk import HOME, LEAVES, NOT_HERE, Walk, walking
from tests.live.observed import ETERNAL, IMMORTAL, observed
from tests.live.witness import refused_writes
from tests.realserver import RealServer
from tests.tui.actions.interruption import interrupt

pytestmark = pytest.mark.live

MONKEY = amount(40, 200, "OPTIMUS_MONKEY_KEYS")


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    for name in ("STATE", "CONFIG", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    monkeypatch.setenv("EDITOR", "true")
    yield
    gc.collect()  # connections that were cut in the middle of their greeting: here, not in somebody else's test


def has(row: Any, *path: str) -> Any:
    """A field of a row, or of what it holds; None where it has none."""
    for name in path:
        row = getattr(row, name, None)
    return row


TELLING: dict[str, list[Callable[[Any], bool]]] = {
    "health": [lambda row: bool(has(row, "finding")), lambda row: not has(row, "finding")],
    "limits": [lambda row: has(row, "counter", "key") == IMMORTAL, lambda row: has(row, "counter", "key") != IMMORTAL],
    "cache": [
        lambda row: has(row, "name") == ETERNAL,
        lambda row: isinstance(row, GroupTotals) and row.tenant == b"acme",
        lambda row: isinstance(row, GroupTotals) and row.tenant is None,
    ],
    "feed": [lambda row: True],
}
"""Of each pane: a finding and none, an immortal counter and another, a key without TTL and its groups, an event."""


async def through_the_steps(walk: Walk) -> None:
    """The incident up to its recommendations, so that there is something to act on, to mark and to do again."""
    if type(walk.app.screen).__name__ != "IncidentScreen":
        return
    base = walk.depth
    for _ in range(6):
        incident_service = walk.dashboard.incidents.service
        await walk.until(
            lambda incident_service=incident_service: incident_service is None or incident_service.state.running is None  # type: ignore[misc]
        )
        await walk.press("enter")
        await walk.answer(base)


async def an_answer(walk: Walk) -> None:
    """The tool under the cursor has answered."""
    await walk.press("enter", "r")
    await walk.until(lambda: "tools.json" in walk.live(), 5)


async def pages(walk: Walk) -> None:
    """The wizard page by page, each of its keys on each page; the last ones write, into the temporary project."""
    await walk.answer(HOME)
    base = walk.depth
    await walk.press("ctrl+n")
    await walk.until(lambda: walk.depth > base)
    await walk.press("x", "9")
    moves = ("router.next", "router.previous")
    own = [key.keys.split(",")[0] for key in KEYS if key.scope == "router" and key.id not in moves]
    for _ in range(9):
        for key in own:
            if walk.depth > base and not (isinstance(walk.app.focused, Input) and len(key) == 1):
                here = walk.depth
                await walk.press(key)
                await walk.answer(here)
        await walk.press("enter")
        await walk.until(lambda: walk.app.screen.focused is not None, 1)
    await walk.press("f2")
    await walk.answer(base)


async def incident(walk: Walk) -> None:
    """Press ``i``, and confirm that an incident is opened; where something else asks, close that and press it anew."""

    def is_open() -> bool:
        return any(isinstance(one, IncidentScreen) for one in walk.app.screen_stack)

    for _ in range(4):
        await walk.press("i")
        await walk.until(lambda: is_open() or isinstance(walk.app.screen, Dialog), 20)
        await walk.until(lambda: is_open() or isinstance(walk.app.screen, QuestionDialog), 5)
        if isinstance(walk.app.screen, QuestionDialog):
            await asyncio.sleep(HELD_SECONDS)
            await walk.press("enter")
            await walk.until(is_open, 20)
        if is_open():
            return
        await walk.answer(HOME)


async def by_keys(walk: Walk) -> None:
    """Every key, in every pane and on every screen."""
    await walk.panes(TELLING)
    await walk.screen(lambda: incident(walk), lambda: through_the_steps(walk))
    await walk.screen(lambda: walk.press("t"), lambda: an_answer(walk))
    await pages(walk)
    await walk.screen(lambda: walk.press("L"))
    for line in ("alerts", "validate"):
        await walk.screen(lambda line=line: walk.line(line))  # type: ignore[misc]
    assert {key.id for key in KEYS} - set(walk.app.ran) <= {*LEAVES, "app.palette"}


async def by_name(walk: Walk) -> None:
    """Every command and every entry of the palette, then keys at random."""
    await walk.commands()
    await walk.palette()
    assert {one.name for one in COMMANDS} - {"q", *NOT_HERE} == set(walk.lines)
    assert len(walk.offered) >= len(KEYS), "the palette offers less than the keys"
    await walk.monkey(MONKEY)


WALKS = [(True, False, (by_keys,)), (False, True, (by_name,))]
ALL = [(True, False, (by_keys, by_name)), (False, True, (by_keys, by_name))]


@pytest.mark.parametrize(("writable", "acl", "walks"), ALL if WHOLE else WALKS)
async def test_whatever_is_pressed_nothing_is_written_row_77(
    writable: bool, acl: bool, walks: Any, make_server: Callable[..., RealServer], tmp_path: Path
) -> None:
    server = make_server()

    def before() -> None:
        if by_keys in walks:
            interrupt(server, tmp_path / "state")

    with observed(server, tmp_path, before=before) as system:
        async with walking(system.settings(writable=writable, acl=acl)) as walk:
            for one in walks:
                await one(walk)
            armed = walk.dashboard.actions.service is not None and walk.dashboard.actions.service.guard.armed
        assert not armed
        account = await asyncio.to_thread(system.proven, 500 if WHOLE else 300)
        assert {b"SCAN", b"GET", b"PTTL", b"INFO", b"PSUBSCRIBE"} <= {one.words[0].upper() for one in account.said}
        assert refused_writes(system.witness) == []
