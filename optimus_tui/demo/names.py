"""Names of the demo's scenarios. ``--help`` lists them, so that this file imports nothing."""

NAMES: tuple[str, ...] = (
    "quiet",
    "noisy-tenant",
    "cache-stampede",
    "engine-slow",
    "engine-down",
    "coherence-storm",
    "immortal-counter",
)
DRILLS: tuple[str, ...] = (
    "noisy-tenant",
    "cache-stampede",
    "engine-slow",
    "engine-down",
    "coherence-storm",
    "immortal-counter",
)
"""The scenarios with a fault to find."""
DEFAULT, RANDOM = "quiet", "random"
