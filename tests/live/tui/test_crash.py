"""A bug of ours: the terminal comes back, the report says where, and no variable is shown anywhere."""

import stat
import sys
from pathlib import Path

from tests.terminal import Terminal

BROKEN = """
import sys
from optimus_tui.settings.model import Settings
from optimus_tui.tui.app import run
from optimus_tui.tui.panes.health.pane import HealthPane

def explode(self, **_):
    password = "CANARYx" + "7"
    raise RuntimeError("cannot reach redis://ops:" + password + "@h \\x1b]52;c;AA\\x07")

HealthPane.tick = explode
sys.exit(run(Settings()))
"""


def test_a_crash_shows_no_variable_and_no_secret_and_is_no_success(tmp_path: Path) -> None:
    terminal = Terminal([sys.executable, "-c", BROKEN], env={"XDG_STATE_HOME": str(tmp_path), "HOME": str(tmp_path)})
    try:
        code = terminal.wait_exit()
    finally:
        terminal.close()
    assert code == 70
    words = bytes(terminal.raw).decode("utf-8", "replace")
    assert "CANARY" not in words
    assert "bug of its own" in words
    assert "\x1b]52" not in words
    assert "\x1b[?1049l" in words
    (report,) = tmp_path.rglob("crash.txt")
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    text = report.read_text()
    assert "CANARY" not in text
    assert "in explode" in text
    assert all(line.isprintable() for line in text.splitlines())
