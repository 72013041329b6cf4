"""Take the README's picture from a running demo: ``python .github/picture.py [SCENARIO] [FILE]``.

Needs the extra ``demo``. The picture is the dashboard at 140×42 on real traffic, half a minute after the start.
"""

import asyncio
import re
import sys
import time
from pathlib import Path

from optimus_tui.demo.command import demo_settings
from optimus_tui.demo.handle import DemoHandle
from optimus_tui.tui.app import OptimusApp

SIZE = (140, 42)
SECONDS = 35


async def take(handle: DemoHandle) -> str:
    """Open the dashboard on the demo, let it collect, and take the picture."""
    app = OptimusApp(demo_settings(handle), handle)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause(SECONDS)
        for key in ("3", "down", "enter", "2"):
            await pilot.press(key)
            await pilot.pause(0.3)
        await pilot.pause(3)
        return plain(app.export_screenshot(title="optimus-tui demo"))


def plain(picture: str) -> str:
    """Without fonts from elsewhere: any monospace font of the reader's will do."""
    picture = re.sub(r"@font-face \{.*?\}", "", picture, flags=re.DOTALL)
    return picture.replace("Fira Code", "ui-monospace, Menlo, DejaVu Sans Mono").replace(
        "<svg ", '<svg xml:space="preserve" ', 1
    )


def main() -> None:
    """Start the demo, take the picture, end the demo."""
    scenario = sys.argv[1] if len(sys.argv) > 1 else "immortal-counter"
    file = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).parent / "dashboard.svg"
    handle = DemoHandle(scenario).start()
    try:
        until = time.monotonic() + 60
        while not handle.ready and time.monotonic() < until:
            handle.changed.wait(0.5)
            handle.changed.clear()
        file.write_text(asyncio.run(take(handle)), "utf-8")
    finally:
        handle.stop()
    sys.stdout.write(f"{file}\n")


if __name__ == "__main__":
    main()
