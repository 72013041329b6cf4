"""Check a draft before it is written: parse, compile, lint, validate, and run its tests in a copy of the project.

Nothing in the project is changed, and the tests get no address and no password. A check that could not be made says so
and never counts as passed.
"""

import contextlib
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from msgspec import Struct

from optimus_tui.child_processes import kill_group, minimal_environment, start_watchdog
from optimus_tui.scaffold.lines import needs_redis
from optimus_tui.scaffold.render import Draft
from optimus_tui.scaffold.target import GATEWAY, RouterTarget
from optimus_tui.storage import private_file
from optimus_tui.syntax import parse
from optimus_tui.wording.numbers import agreeing
from optimus_tui.wording.safe import safe_text

Run = Callable[[Sequence[str], Path, Mapping[str, str], float], tuple[int, str]]
"""Runs a command in a folder, with an environment, for at most so many seconds: ``SandboxRunner.run``."""
LACKS = (
    "import importlib.util as u,sys;"
    "print(*[n for n in sys.argv[1:] if u.find_spec(n) is None]);sys.exit(sys.version_info<(3,11))"
)
PREFIX = "optimus-scaffold-"
FRESH_SECONDS = 60.0
"""Seconds. A younger folder may belong to a run that is about to lock it."""
LONGEST = 200_000
"""Bytes of output that are kept, from its end."""
KILLED = -int(signal.SIGKILL)
"""The exit code of a program that was killed because it took too long."""
SECONDS = 120.0
MAX_FILES, MAX_BYTES = 3000, 30_000_000
PACKAGES = ("pytest", "pytest_asyncio", "fastapi", "httpx", "prometheus_client")
RULES = "F,E9,B,ASYNC,S"
_PLUGINS = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest")
_CONFIGURATION = ("pyproject.toml", "pytest.ini", "tox.ini", "setup.cfg")
_NOT_COPIED = frozenset({"node_modules", "site-packages", "tests", "test", "venv", "frontend"})
CHECKS: tuple[str, ...] = ("parse", "compile", "lint", "validate", "tests")


class Interpreter(Struct, frozen=True):
    """A Python interpreter, the packages it lacks, and why it does not start (``problem``; empty if it does)."""

    path: str
    missing: tuple[str, ...] = ()
    problem: str = ""

    @property
    def ready(self) -> bool:
        """Whether the draft's tests can run with it."""
        return not self.missing and not self.problem


def find_interpreter(root: Path, named: str | None, packages: Sequence[str], run: Run) -> Interpreter:
    """Return a Python that can run the draft's tests, or one with what it lacks. Each candidate is started once.

    Args:
        root: The project.
        named: The interpreter that the user named: no other is tried. None to try the project's, then the one that runs
            this program.
        packages: The packages that the tests import.
        run: Runs a program.
    """
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
    """Return the paths at which a program exists, in the order in which they are tried.

    These are beside the named Python, beside the project's (if ``own``), on PATH, and beside the Python that runs this.
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
        return Interpreter(path, problem="it does not run as a Python interpreter")
    return Interpreter(path, tuple(output.split()))


class RunCancelled(Exception):
    """The run was cancelled, because its result is no longer needed."""


class SandboxRunner:
    """Runs programs in a temporary folder. Use it with ``with``, which returns the folder.

    Programs and folder end with this process, however it ends: a watchdog process kills and removes them. Programs run
    one at a time, each in a process group of its own, and any thread may cancel them. Folders that even the watchdog
    could not remove (after a power cut, for example) are removed by the next run.

    Raises:
        OSError: The folder or the watchdog cannot be made.
    """

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._running: subprocess.Popen[bytes] | None = None
        self._cut = False

    def __enter__(self) -> Path:
        """Make and lock the folder, start the watchdog, and return the folder."""
        clear_stale()
        self._folder = Path(tempfile.mkdtemp(prefix=PREFIX)).resolve()
        lock = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            # The watchdog inherits the lock and holds it longer than this process.
            private_file.lock(lock, self._folder, "the folder")
            self._watchdog = start_watchdog(self._folder, lock)
        except OSError:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        finally:
            os.close(lock)
        return self._folder

    def __exit__(self, *_: object) -> None:
        """Tell the watchdog to remove the folder; wait at most 5 s for it."""
        assert self._watchdog.stdin
        with contextlib.suppress(BrokenPipeError):
            self._watchdog.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):  # The watchdog goes on by itself.
            self._watchdog.wait(5)

    def cut(self) -> None:
        """Kill the running program and refuse further ones. May be called from any thread; returns at once."""
        self._cut = True
        with self._turn:
            if self._running is not None:
                kill_group(self._running.pid)

    def run(
        self, command: Sequence[str], folder: Path, environment: Mapping[str, str], seconds: float
    ) -> tuple[int, str]:
        """Run a program and return its exit code (``KILLED`` after ``seconds``) and its output.

        Raises:
            RunCancelled: ``cut`` was called.
            OSError: The program cannot be started.
        """
        with self._turn:
            if self._cut:
                raise RunCancelled
            child = self._start(command, folder, environment)
        with child:
            try:
                output, _ = child.communicate(timeout=seconds)
                code = child.returncode
            except subprocess.TimeoutExpired:
                output, code = b"", KILLED
            finally:
                with self._turn:
                    kill_group(child.pid)
                    self._hold(None)
        if self._cut:
            raise RunCancelled
        return code, output[-LONGEST:].decode("utf-8", "replace")

    def _start(self, command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
        child = subprocess.Popen(  # noqa: S603 - no shell; what runs was chosen by the user
            list(command),
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._hold(child)
        return child

    def _hold(self, child: "subprocess.Popen[bytes] | None") -> None:
        self._running = child
        assert self._watchdog.stdin
        with contextlib.suppress(BrokenPipeError):
            os.write(self._watchdog.stdin.fileno(), b"%d\n" % (child.pid if child else 0))


def clear_stale() -> None:
    """Remove the folders of runs whose process has ended; those of other users are left alone."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            seen = path.lstat()
            if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.getuid() or _is_fresh(seen):
                continue
            handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if private_file.try_lock(handle):
                    shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(handle)


def _is_fresh(seen: os.stat_result) -> bool:
    return time.time() - seen.st_mtime < FRESH_SECONDS


Validate = Callable[[Path, str], tuple[bool, str]]
"""Maps a source tree and a router's path in it to whether it is compliant, and one sentence."""


class DraftCheck(Struct, frozen=True):
    """The result of one check. ``detail`` is one sentence; ``output`` is what a failed check printed."""

    name: Literal["parse", "compile", "lint", "validate", "tests"]
    status: Literal["passed", "failed", "not run"]
    detail: str
    output: str = ""


def run_checks(
    draft: Draft,
    root: Path,
    python: str | None = None,
    validate: Validate | None = None,
    runner: SandboxRunner | None = None,
    allowed: bool = True,
) -> Iterator[DraftCheck]:
    """Yield the result of each check, in the order of ``CHECKS``. Takes seconds: do not call it on an event loop.

    Close the generator, or call ``runner.cut`` from another thread, to end the checks early.

    Args:
        draft: The router and its test.
        root: The project.
        python: The interpreter for the tests; None to look for one.
        validate: The validator; None to skip that check.
        runner: Runs the programs; None for a new one.
        allowed: Whether the user agreed to run the project's own code. Without it no program below ``root`` is started,
            and the tests, which import the project's modules, are not run.

    Raises:
        RunCancelled: ``runner.cut`` was called.
    """
    yield from _read(draft)
    runner = runner or SandboxRunner()
    with contextlib.ExitStack() as stack:
        try:
            copy = stack.enter_context(runner)
            problem = copy_project(root, copy, draft.spec.target)
            missing = [file for file in draft.beside if not (copy / file.path).exists()]
            for file in (*draft.files, *missing):
                (copy / file.path).parent.mkdir(parents=True, exist_ok=True)
                (copy / file.path).write_text(file.content, "utf-8")
        except OSError as error:
            why = f"not run: the project cannot be copied ({error.filename or 'the disk'}: {error.strerror})"
            for name in ("lint", "validate", "tests"):
                yield DraftCheck(name, "not run", safe_text(why, 300))
            return
        yield _lint(draft, copy, find_programs(root, python, "ruff", allowed), runner.run)
        yield _validate(draft, copy, validate)
        yield problem or (_test(draft, root, copy, python, runner.run) if allowed else NOT_ALLOWED)


NOT_ALLOWED = DraftCheck("tests", "not run", "not run: they import this project's own code, which was not allowed")


def _read(draft: Draft) -> Iterator[DraftCheck]:
    for name in ("parse", "compile"):
        try:
            for file in draft.files:
                tree = parse(file.content, file.path)
                if name == "compile":
                    compile(tree, file.path, "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            yield DraftCheck(name, "failed", f"{file.path}: {safe_text(error)}")
        else:
            yield DraftCheck(name, "passed", "both files are Python")


def _lint(draft: Draft, copy: Path, programs: Sequence[str], run: Run) -> DraftCheck:
    """Run the first ruff that works; one that does not start or is too old for the rules gives no result."""
    problem = "ruff is missing"
    for program in programs:
        try:
            code, output = _ruff(program, "check", draft, copy, run)
            if code == 1:
                return DraftCheck("lint", "failed", "ruff found problems", safe_lines(output))
            if code == 0:
                same = _ruff(program, "format", draft, copy, run)[0] == 0
                form = "would format nothing" if same else "would format it differently, which is not a fault"
                return DraftCheck("lint", "passed", f"ruff finds nothing ({RULES}), and {form}")
            reason = (output.strip().splitlines() or ["it says nothing"])[0]
            problem = f"{safe_text(program, 120)} ended with {code}: {safe_text(reason, 120)}"
        except (OSError, ValueError) as error:
            problem = f"{safe_text(program, 120)} cannot be started ({safe_text(error, 120)})"
    return DraftCheck("lint", "not run", f"not run: {problem}")


def _ruff(program: str, what: str, draft: Draft, copy: Path, run: Run) -> tuple[int, str]:
    rules = [f"--select={RULES}", f"--per-file-ignores={draft.test.path}:S101"] if what == "check" else ["--check"]
    options = ["--isolated", "--no-cache", "--line-length=110", "--target-version=py311"]
    command = [program, what, "--quiet", *rules, *options, *(file.path for file in draft.files)]
    return run(command, copy, minimal_environment(), 30)


def _validate(draft: Draft, copy: Path, validate: Validate | None) -> DraftCheck:
    if validate is None:
        return DraftCheck("validate", "not run", "not run: the validator is missing")
    good, sentence = validate(copy, draft.router.path)
    if draft.spec.has_store and not draft.spec.has_table:
        sentence += "; what it keeps is in memory only, not for production"
    off = [
        word for word, on in (("rate limiting", draft.spec.rate_limiting), ("caching", draft.spec.caching)) if not on
    ]
    if not good and off:  # The validator reports what the answers switched off on purpose.
        return DraftCheck("validate", "passed", f"{sentence}; {' and '.join(off)} is switched off")
    if not good:
        return DraftCheck("validate", "failed", sentence)
    return DraftCheck("validate", "passed", sentence)


def _test(draft: Draft, root: Path, copy: Path, named: str | None, run: Run) -> DraftCheck:
    packages: tuple[str, ...] = PACKAGES
    if needs_redis(draft.spec):
        packages += ("redis", "fakeredis", "lupa")
    if draft.spec.has_table:
        packages += ("sqlalchemy", "greenlet", "aiosqlite")
    python = find_interpreter(root, named, packages, run)
    shown = safe_text(python.path, 200)
    if python.problem:
        return DraftCheck("tests", "not run", f"not run: {shown}: {python.problem}")
    if python.missing:
        verb = agreeing(len(python.missing), "is", "are")
        return DraftCheck("tests", "not run", f"not run: {', '.join(python.missing)} {verb} missing (in {shown})")
    words = ["-m", "pytest", "-q", *_PLUGINS, "-o", "addopts=", draft.test.path]
    environment = minimal_environment(PYTHONPATH=str(copy / draft.spec.target.import_root))
    try:
        code, output = run([python.path, *words], copy, environment, SECONDS)
    except OSError as error:
        return DraftCheck("tests", "not run", f"not run: {shown} cannot be started ({error.strerror})")
    last = output.strip().splitlines()[-1:] or [""]
    if code == KILLED:
        return DraftCheck("tests", "failed", f"the tests did not end within {SECONDS:g} s")
    summary = re.sub(r"^=+ | =+$", "", safe_text(last[0], 160))
    if code:
        return DraftCheck("tests", "failed", f"{summary} (by {shown})", safe_lines(output))
    return DraftCheck("tests", "passed", f"{summary} (by {shown})")


def safe_lines(text: str, count: int = 60) -> str:
    """Return the last ``count`` lines of a program's output as safe text."""
    return "\n".join(safe_text(line, 200) for line in text.strip().splitlines()[-count:])


def copy_project(root: Path, copy: Path, target: RouterTarget = GATEWAY) -> DraftCheck | None:
    """Copy what the tests need: the sources and pytest's settings, without conftest files. Links are not followed.

    Returns:
        The check that failed, if the tests cannot run; else None.
    """
    files = size = 0
    for folder, folders, names in os.walk(root / target.import_root):
        folders[:] = sorted(name for name in folders if _is_entered(Path(folder, name), target))
        for name in names:
            source = Path(folder, name)
            if source.is_symlink() or not source.is_file() or name.endswith(".pyc") or name == "conftest.py":
                continue
            files, size = files + 1, size + source.stat().st_size
            if files > MAX_FILES or size > MAX_BYTES:
                where = target.import_root or "the project"
                problem = f"not run: {where} holds more than {MAX_FILES:,} files or 30 MB"
                return DraftCheck("tests", "not run", problem)
            _copy(source, copy / source.relative_to(root))
    for folder_path in _above(target.import_root):
        for name in _CONFIGURATION:
            source = root / folder_path / name
            if source.is_file() and not source.is_symlink():
                _copy(source, copy / folder_path / name)
    return None


def _is_entered(folder: Path, target: RouterTarget) -> bool:
    """Return True for folders that the application may need: no hidden ones, other environments, or other tests."""
    name = folder.name
    if name == "__pycache__" or name.startswith("."):
        return False
    if target.import_root == "src":
        return True
    return name not in _NOT_COPIED and not (folder / "pyvenv.cfg").exists()


def _above(path: str) -> list[str]:
    """Return a folder and all above it, the project itself last."""
    return [*([path] if path else []), *(str(parent) for parent in Path(path).parents if str(parent) != "."), ""]


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
