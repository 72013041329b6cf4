"""Exit codes: a promise to scripts. It refuses to grow meanings; see the table in docs/index.md."""

HEALTHY = 0
FOUND_SOMETHING = 1
USAGE = 2
UNREACHABLE = 3
REFUSED = 4
CRASHED = 70
"""A bug of ours."""
INTERRUPTED = 130
TERMINATED = 143
