"""Child processes that get none of our secrets and do not outlive this process, even after kill -9.

Environment: every process that is started (editor, tmux, tests, demo, watchdog) gets its variables here; a house test
checks that. Left out are variables named like a secret, addresses that hold a password, and every value that contains
such a password.

End: a child of our own is started with ``bound_command`` and ends with its owner. Programs of others, which may start
further processes, run beside a watchdog, which kills their process group and removes their folder. Both are this file,
run as a program. The watchdog runs without the package, so only the standard library is imported at the top.
"""

import contextlib
import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from urllib.parse import unquote

FOREIGN = ("OPERATOR_REDIS_URL", "OPTIMUS_HTTP_TOKEN", "REDISCLI_AUTH", "PGPASSWORD", "DATABASE_URL")
"""Addresses and logins that are not settings of ours; no child gets them, nor the settings that name services."""
MINIMAL = ("PATH", "HOME", "LANG", "TMPDIR")
"""What a program needs to start at all."""
_SECRET_NAME = re.compile(
    r"(^|_)(TOKENS?|PASSWORDS?|PASSWD|PASSPHRASE|PASS|PWD_HASH|SECRETS?|APIKEY|(?<!SSH_)(?<!X)AUTH|CREDENTIALS?|DSN|PAT)$"
    r"|(^|_)(SECRET|PRIVATE|API|ACCESS|ACCOUNT|SIGNING|ENCRYPTION|MASTER)_?KEY(_ID)?$|_KEY$"
    r"|^OPTIMUS_.*_URL$|^(AWS|AZURE|GCP|GOOGLE)_.*(TOKEN|SECRET|KEY|CREDENTIALS)",
    re.IGNORECASE,
)
_LOGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#\s]*?:([^@\s]*)@|[a-z][a-z0-9+.-]*://([^:/?#\s]+)@", re.IGNORECASE)
_NAMED = re.compile(r"\b(?:password|passwd|secret|token)\s*[=:]\s*['\"]?([^\s'\"&]+)", re.IGNORECASE)
SHORTEST_SECRET = 6
"""Shorter secrets are not searched in other values, where they would occur by chance."""
PR_SET_PDEATHSIG = 1
REMOVALS = 50
REMOVAL_PAUSE_SECONDS = 0.1


def child_environment(
    keep: Collection[str] | None = None, environment: Mapping[str, str] | None = None, /, **more: str
) -> dict[str, str]:
    """Return the variables for a child: those in ``keep`` (None: all) that hold no secret, and ``more``."""
    given = os.environ if environment is None else environment
    secrets = {word for name, value in given.items() for word in _secrets_in(name, value)}
    kept = {
        name: value
        for name, value in given.items()
        if (keep is None or name in keep)
        and not _is_secret_name(name)
        and not _passwords_in(value)
        and not any(word in value for word in secrets)
    }
    return kept | more


def minimal_environment(**more: str) -> dict[str, str]:
    """Return the variables that a program needs to start, and ``more``: for running code that others wrote."""
    return child_environment(MINIMAL, LC_ALL="C.UTF-8", PYTHONUTF8="1", **more)


def _is_secret_name(name: str) -> bool:
    return name.upper() in _service_variables() or _SECRET_NAME.search(name) is not None


@cache
def _service_variables() -> frozenset[str]:
    from optimus_tui.settings.table import BY_KEY, VARIABLES

    return frozenset((*FOREIGN, *(name for name, key in VARIABLES.items() if BY_KEY[key].connects)))


def _passwords_in(value: str) -> set[str]:
    found = {word for match in _LOGIN.finditer(value) for word in match.groups() if word}
    return found | {match.group(1) for match in _NAMED.finditer(value)}


def _secrets_in(name: str, value: str) -> set[str]:
    words = _passwords_in(value)
    if _is_secret_name(name) and "://" not in value:
        words = words | {value}
    words |= {unquote(word) for word in words}
    return {word for word in words if len(word) >= SHORTEST_SECRET}


def bound_command(kind: str, *command: str) -> tuple[str, ...]:
    """Return the command line of a child that ends with this process.

    On Linux the kernel kills it with the thread that starts it (PR_SET_PDEATHSIG, which survives exec). Everywhere, a
    Python module also ends when its standard input, a pipe held open by this process, ends. The end is abrupt.

    Args:
        kind: ``exec`` for a binary, ``module`` for what ``python -m`` would run.
        command: The binary's path or the module's name, and arguments.
    """
    return (sys.executable, "-P", "-m", "optimus_tui.child_processes", "bound", str(os.getpid()), kind, *command)


def start_watchdog(folder: Path, lock: int) -> "subprocess.Popen[bytes]":
    """Start the process that cleans up once this one has ended or has closed the watchdog's standard input.

    Each line written there names the process group that runs now, 0 for none; the last one is killed at the end.

    Args:
        folder: It is removed at the end.
        lock: A file descriptor that the watchdog holds open as long as it runs.

    Raises:
        OSError: The process cannot be started.
    """
    return subprocess.Popen(  # noqa: S603 - our own file
        [sys.executable, "-I", "-S", __file__, "watch", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env=minimal_environment(),
        start_new_session=True,
        pass_fds=[lock],
    )


def kill_group(leader: int) -> None:
    """Kill a process and every process that it started; does nothing if they have ended."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _run_bound(owner: str, kind: str, target: str, *rest: str) -> None:
    """Become the target, bound to the life of the owner's process."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != int(owner):  # The owner ended before the kernel was told.
        os._exit(0)
    if kind == "exec":
        os.execv(target, [target, *rest])  # noqa: S606 - a binary that the owner chose, no shell
    threading.Thread(target=_end_with_stdin, name="owner-watch", daemon=True).start()
    sys.argv = [target, *rest]
    runpy.run_module(target, run_name="__main__", alter_sys=True)


def _end_with_stdin() -> None:
    while os.read(0, 4096):
        pass
    os._exit(0)


def _watch(folder: str) -> None:
    """Wait for the end of standard input, then kill the running group and remove the folder."""
    running = 0
    for line in sys.stdin:
        running = int(line)
    if running:
        kill_group(running)
    for _ in range(REMOVALS):
        shutil.rmtree(folder, ignore_errors=True)
        if not os.path.lexists(folder):
            return
        time.sleep(REMOVAL_PAUSE_SECONDS)  # The killed processes may still be writing.


if __name__ == "__main__":
    if sys.argv[1] == "watch":
        _watch(sys.argv[2])
    else:
        _run_bound(*sys.argv[2:])
