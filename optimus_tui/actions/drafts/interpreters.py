"""Find the Python that runs a project's tests: the one named, the project's own, else ours; and what it lacks.

Programs beside these interpreters are looked for in the same order.
"""

import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from optimus_tui.child_processes import minimal_environment

Run = Callable[[Sequence[str], Path, Mapping[str, str], float], tuple[int, str]]
"""Runs a command in a folder, with an environment, for at most so many seconds: ``SandboxRunner.run``."""
LACKS = (
    "import importlib.util as u,sys;"
    "print(*[n for n in sys.argv[1:] if u.find_spec(n) is None]);sys.exit(sys.version_info<(3,11))"
)


class Interpreter(Struct, frozen=True):
    """A Python, the packages that it lacks, and ``problem`` if it does not start."""

    path: str
    missing: tuple[str, ...] = ()
    problem: str = ""

    @property
    def ready(self) -> bool:
        """Whether it can run the tests."""
        return not self.missing and not self.problem


def find_interpreter(root: Path, named: str | None, packages: Sequence[str], run: Run) -> Interpreter:
    """Return the first that can run the tests; without one, the named or the project's own. Runs each once."""
    if named is not None:
        return _look(_placed(named), packages, run)
    own = root.absolute() / ".venv" / "bin" / "python"
    candidates = [sys.executable]
    if own.exists():
        candidates.insert(0, str(own))
    looks: list[Interpreter] = []
    for path in candidates:
        looks.append(_look(path, packages, run))
        if looks[-1].ready:
            return looks[-1]
    return looks[0]


def find_programs(root: Path, named: str | None, name: str, own: bool = True) -> list[str]:
    """Return the paths of a program, in order of preference.

    They are beside the named Python, beside the project's (if ``own``), on PATH, and beside ours.
    """
    pythons = [_placed(named)] if named else []
    if own:
        pythons.append(str(root.absolute() / ".venv" / "bin" / "python"))
    places = [os.path.join(os.path.dirname(python), name) for python in pythons]
    places += [shutil.which(name) or "", os.path.join(os.path.dirname(sys.executable), name)]
    return [place for place in dict.fromkeys(places) if os.path.isfile(place)]


def _placed(named: str) -> str:
    """Return the absolute path of a name as typed: a path from the working directory, or a bare word from PATH."""
    if "/" in named:
        return os.path.abspath(os.path.expanduser(named))  # Not resolved: a virtual environment's python is a link.
    return shutil.which(named) or named


def _look(path: str, packages: Sequence[str], run: Run) -> Interpreter:
    try:
        code, output = run([path, "-I", "-c", LACKS, *packages], Path("/"), minimal_environment(), 15)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no file can have this name"
        return Interpreter(path, problem=f"it cannot be started ({reason})")
    if code == 1 and not output.strip():
        return Interpreter(path, problem="it is older than Python 3.11")
    if code not in (0, 1):
        return Interpreter(path, problem="it does not work as a Python")
    return Interpreter(path, tuple(output.split()))
