"""Run one Optimus tool from a hook or a pipeline: `python mcp_client.py TOOL [JSON]`.

Hands on to `optimus-tui run TOOL JSON`: the same document on stdout, the same exit code. It adds nothing of its own
but the place of this project, so that the tools that read source find it from any directory.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

NOT_INSTALLED = "mcp_client: optimus-tui is not installed; run `pip install optimus-tui` and try again."


def find_command() -> list[str] | None:
    """Return how to start optimus-tui: this interpreter's own copy first, then the one on PATH."""
    if importlib.util.find_spec("optimus_tui"):
        return [sys.executable, "-m", "optimus_tui"]
    found = shutil.which("optimus-tui")
    return [found] if found else None


def main(arguments: Sequence[str]) -> int:
    """Run the tool; return its exit code, or 2 where there is nothing to run it with."""
    command = find_command()
    if command is None:
        print(NOT_INSTALLED, file=sys.stderr)
        return 2
    os.environ.setdefault("BACKEND_ORCHESTRATOR_PATH", str(Path(__file__).resolve().parent))
    command += ["run", *arguments]
    if os.name == "posix":
        os.execv(command[0], command)  # noqa: S606 - no shell is what we want; signals and exit code stay the tool's
    return subprocess.call(command)  # noqa: S603 - the caller's own arguments, no shell


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
