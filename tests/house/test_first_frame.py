"""Neither the first frame nor the dashboard waits for needless work: counted in a process of its own."""

import json
import subprocess
import sys
from typing import Any

import pytest

PROBE = """
import asyncio, json, sys
from textual.css.stylesheet import Stylesheet
from optimus_tui.settings.model import Settings
from optimus_tui.tui.app import OptimusApp

seen, styled, parsed = [], [], []
apply, parse = Stylesheet.apply, Stylesheet._parse_rules

def note_apply(self, node, **options):
    styled.append(node)
    return apply(self, node, **options)

def note_parse(self, *arguments, **options):
    rules = parse(self, *arguments, **options)
    parsed.extend(rules)
    return rules

def note(screen):
    seen.append({
        "of the network": [m for m in ("redis", "httpx", "jinja2", "pydantic", "mcp", "sqlite3") if m in sys.modules],
        "own modules": sum(name.startswith("optimus_tui") for name in sys.modules),
        "modules": len(sys.modules),
        "rules parsed": len(parsed),
        "widgets": len(list(screen.walk_children())),
        "times a widget was styled": len(styled),
        "drawn": [strip.text.rstrip() for strip in screen._compositor.render_strips()],
    })

Stylesheet.apply, Stylesheet._parse_rules = note_apply, note_parse
open_dashboard = OptimusApp._open_dashboard

def behind_the_first_frame(app):
    note(app.screen)
    from optimus_tui.tui.dashboard.screen import Dashboard
    Dashboard.start_sampling = note
    open_dashboard(app)

OptimusApp._open_dashboard = behind_the_first_frame

async def main():
    app = OptimusApp(Settings())
    async with app.run_test(size=(140, 42)) as pilot:
        while len(seen) < 2:
            await pilot.pause()
        assert app.screen.query_one("#limits").size.width > 50

asyncio.run(main())
print(json.dumps(seen))
"""
FIRST_FRAME = {
    "own modules": 38,
    "modules": 442,
    "rules parsed": 138,
    "widgets": 1,
    "times a widget was styled": 7,
}
"""What the first frame may need at most: the outline of the panes, while what draws and fills them is being loaded."""
DASHBOARD = {
    "own modules": 158,
    "modules": 590,
    "rules parsed": 455,
    "widgets": 14,
    "times a widget was styled": 80,
}
"""The same for the dashboard, whose keys work; what the first frame needed counts, too."""
BUDGETS = [(at, what, most) for at, budget in enumerate((FIRST_FRAME, DASHBOARD)) for what, most in budget.items()]


@pytest.fixture(scope="module")
def counted() -> list[dict[str, Any]]:
    """What was there when the first frame was painted, and when the dashboard was."""
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    frames: list[dict[str, Any]] = json.loads(done.stdout)
    assert len(frames) == 2
    return frames


def test_nothing_of_the_network_is_imported_before_the_dashboard_is_drawn(counted: list[dict[str, Any]]) -> None:
    assert [frame["of the network"] for frame in counted] == [[], []]


@pytest.mark.parametrize(("at", "what", "most"), BUDGETS)
def test_a_frame_needs_no_more_than_its_budget(counted: list[dict[str, Any]], at: int, what: str, most: int) -> None:
    assert counted[at][what] <= most


def test_the_first_frame_shows_the_outline_that_the_dashboard_has(counted: list[dict[str, Any]]) -> None:
    first, dashboard = ([_outline(line) for line in frame["drawn"]] for frame in counted)
    assert first[1:-1] == dashboard[1:-1]
    assert sum("starting" in line for line in counted[0]["drawn"]) == 2


def _outline(line: str) -> list[tuple[int, str]]:
    """Return where the corners and sides of frames are in a line."""
    return [(at, cell) for at, cell in enumerate(line) if cell in "╭╮╰╯│"]
