"""The first frame waits for no network library and no needless work: counted in a process of its own."""

import json
import subprocess
import sys

import pytest

PROBE = """
import asyncio, json, sys
from textual.css.stylesheet import Stylesheet
from optimus_tui.settings.model import Settings
from optimus_tui.tui.app import OptimusApp
from optimus_tui.tui.dashboard.screen import Dashboard

seen, styled, parsed = [], [], []
apply, parse = Stylesheet.apply, Stylesheet._parse_rules

def note_apply(self, node, **options):
    styled.append(node)
    return apply(self, node, **options)

def note_parse(self, *arguments, **options):
    rules = parse(self, *arguments, **options)
    parsed.extend(rules)
    return rules

def note(self):
    seen.append({
        "of the network": [m for m in ("redis", "httpx", "jinja2", "pydantic", "mcp", "sqlite3") if m in sys.modules],
        "own modules": sum(name.startswith("optimus_tui") for name in sys.modules),
        "modules": len(sys.modules),
        "rules parsed": len(parsed),
        "widgets": len(list(self.app.screen.walk_children())),
        "times a widget was styled": len(styled),
    })

Stylesheet.apply, Stylesheet._parse_rules, Dashboard.start_sampling = note_apply, note_parse, note

async def main():
    app = OptimusApp(Settings())
    async with app.run_test(size=(140, 42)) as pilot:
        await pilot.pause()
        assert app.screen.query_one("#limits").size.width > 50

asyncio.run(main())
print(json.dumps(seen))
"""
BUDGET = {
    "own modules": 142,
    "modules": 580,
    "rules parsed": 390,
    "widgets": 14,
    "times a widget was styled": 75,
}
"""What the first frame may need at most. Before this was counted, it had drifted to 1.9 times a bare application."""


@pytest.fixture(scope="module")
def counted() -> dict[str, object]:
    """What was there when the first frame was painted."""
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    (frame,) = json.loads(done.stdout)  # start_sampling runs once
    return dict(frame)


def test_nothing_of_the_network_is_imported_before_the_first_frame(counted: dict[str, object]) -> None:
    assert counted["of the network"] == []


@pytest.mark.parametrize("what", BUDGET)
def test_the_first_frame_needs_no_more_than_its_budget(counted: dict[str, int], what: str) -> None:
    assert counted[what] <= BUDGET[what]
