"""The system that ``optimus-tui demo`` shows: a real server, the reference project, traffic, scenarios.

The names of the scenarios are here because ``--help`` lists them without loading more.
"""

DRILLS = ("noisy-tenant", "cache-stampede", "engine-slow", "engine-down", "coherence-storm", "immortal-counter")
"""The scenarios with a fault to find."""
DEFAULT, RANDOM = "quiet", "random"
NAMES = (DEFAULT, *DRILLS)
