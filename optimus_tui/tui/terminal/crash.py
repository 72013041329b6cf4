"""The report of a bug that ended the program: where it happened, never what the variables held.

Local variables, arguments and addresses can hold passwords and tenants' data, so neither screen nor file shows them.
"""

import sys
import time
import traceback
from pathlib import Path

from optimus_tui import __version__
from optimus_tui.tui.terminal.clipboard import write_private
from optimus_tui.wording.safe import redact, safe_text


def report_text(error: BaseException) -> str:
    """Return frames as file, line and function, the exception's type and its text, escaped and redacted."""
    lines = [
        f"optimus-tui {__version__} · Python {sys.version.split()[0]} · "
        f"{time.strftime('%Y-%m-%d %H:%M:%S UTC', time.gmtime())}"
    ]
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        lines += [
            f"  {Path(f.filename).name}:{f.lineno} in {f.name}" for f in traceback.extract_tb(cause.__traceback__)[-30:]
        ]
        lines.append(f"{type(cause).__name__}: {safe_text(redact(str(cause)), 400)}")
        if cause.__cause__ is None and not cause.__suppress_context__:
            cause = cause.__context__
        else:
            cause = cause.__cause__
    return "\n".join(lines) + "\n"


def keep_report(error: BaseException) -> str:
    """Write the report to a private file. Return the two sentences for the terminal."""
    text = report_text(error)
    last = text.strip().splitlines()[-1]
    try:
        place = f"The report, without variables and secrets, is in {write_private('crash.txt', text)}"
    except OSError as problem:
        place = f"The report could not be written ({problem.strerror}):\n{text}"
    return f"optimus-tui stopped because of a bug of its own: {last}\n{place}"


def parted(place: str) -> tuple[str, str]:
    """Return the words that say where the report is, and its path. The path is empty if there is none."""
    words, mark, path = place.partition(" is in ")
    return words + mark.rstrip(), path
