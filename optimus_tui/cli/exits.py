"""Exit codes. Scripts rely on them: their meanings do not change. The README has the table."""

HEALTHY = 0
FOUND_SOMETHING = 1
USAGE = 2
UNREACHABLE = 3
REFUSED = 4
CRASHED = 70
"""A bug of ours."""
INTERRUPTED = 130
TERMINATED = 143
