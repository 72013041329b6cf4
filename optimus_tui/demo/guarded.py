"""Run a child of the demo so that it cannot outlive its owner: ``guarded OWNER_PID exec|module TARGET ARGS…``.

On Linux the kernel kills it with its owner (PR_SET_PDEATHSIG, which survives exec). Everywhere, a Python target also
ends when its standard input, a pipe held open by the owner, ends. The end is abrupt, because no child has state worth
saving.
"""

import os
import runpy
import signal
import sys
import threading

PR_SET_PDEATHSIG = 1


def bind_life_to(owner: int) -> None:
    """Let the kernel kill this process when its parent ``owner`` ends; exit at once if that has ended already."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != owner:  # The owner ended before the kernel was told.
        os._exit(0)


def end_with_stdin() -> None:
    """End this process when standard input ends: the owner's side of the pipe is closed."""

    def wait() -> None:
        while os.read(0, 4096):
            pass
        os._exit(0)

    threading.Thread(target=wait, name="owner-watch", daemon=True).start()


def main(argv: list[str]) -> None:
    """Become the target. ``exec`` replaces this process, ``module`` runs it as ``python -m`` would."""
    owner, kind, target, *rest = argv
    bind_life_to(int(owner))
    if kind == "exec":
        os.execv(target, [target, *rest])  # noqa: S606 - a binary the supervisor chose, no shell
    end_with_stdin()
    sys.argv = [target, *rest]
    runpy.run_module(target, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
