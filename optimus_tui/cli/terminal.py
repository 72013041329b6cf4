"""Find out whether a dashboard can be drawn on this terminal."""

import os
import sys


def why_no_dashboard() -> str | None:
    """Return the sentence that says why no dashboard can be drawn here, or None if one can."""
    for stream, name in ((sys.stdin, "input"), (sys.stdout, "output"), (sys.__stderr__, "error output")):
        if stream is None or stream.closed or not stream.isatty():
            return f"the dashboard needs a terminal, but the {name} is none; in scripts use a verb (see --help)"
    if os.environ.get("TERM") == "dumb":
        return "the dashboard needs a terminal that can move its cursor, but TERM is dumb"
    return None
