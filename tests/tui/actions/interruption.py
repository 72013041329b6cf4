"""An action whose process was killed in the middle."""

import subprocess
import sys
from pathlib import Path

from tests.live.actions.driver import put
from tests.realserver import RealServer


def interrupt(server: RealServer, folder: Path, incident: str = "") -> None:
    """kill -9 in the middle of an invalidation of acme's cache."""
    put(server, *(f"cache:conv:acme:{index}" for index in range(KEYS)))
    words = [sys.executable, "-m", "tests.live.actions.doomed", str(server.port), str(folder / "optimus-tui")]
    process = subprocess.Popen([*words, "invalidate_tenant", incident], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert [process.stdout.readline(), process.stdout.readline()] == [b"ready\n", b"acting\n"]
    process.kill()
    process.wait()
    process.stdout.close()


KEYS = 800
