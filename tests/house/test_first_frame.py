"""The first frame waits for no network library: proved in a process of its own."""

import subprocess
import sys

PROBE = """
import asyncio, sys
from optimus_tui.settings.model import Settings
from optimus_tui.tui.app import OptimusApp
from optimus_tui.tui.dashboard.screen import Dashboard

seen = []

def note(self):
    seen.append(sorted(m for m in ("redis", "httpx", "jinja2", "pydantic", "mcp", "sqlite3") if m in sys.modules))

Dashboard.start_sampling = note

async def main():
    app = OptimusApp(Settings())
    async with app.run_test(size=(140, 42)) as pilot:
        await pilot.pause()
        assert app.screen.query_one("#limits").size.width > 50

asyncio.run(main())
print(seen)
"""


def test_nothing_of_the_network_is_imported_before_the_first_frame() -> None:
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    assert done.stdout.strip() == "[[]]", "start_sampling runs once, after the first frame, with none of them loaded"
