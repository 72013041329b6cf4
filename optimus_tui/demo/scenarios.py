"""What the demo can play: one entry a scenario, with the sentence that tells people what is really happening.

Data only, cheap to import (the command line and the palette read it). It refuses to act: the supervisor stops and
starts the engine, the traffic process does the rest.
"""

from typing import NamedTuple

DEFAULT = "quiet"


class Scenario(NamedTuple):
    """``says``: the cause in one sentence. ``injected``: part of the cause is a fault put in by hand, not by traffic.

    ``engine``: the engine process runs. ``drill``: body of the engine's ``PUT /drill``, None for no delay and no fault.
    ``act``: the name of what the traffic process adds to its everyday rhythm.
    """

    name: str
    says: str
    act: str = ""
    engine: bool = True
    drill: dict[str, float] | None = None
    injected: bool = False


SCENARIOS: dict[str, Scenario] = {
    one.name: one
    for one in (
        Scenario("quiet", "About ten tenants at their everyday rhythm; nothing is wrong."),
        Scenario(
            "noisy-tenant",
            "demo_dentist sends far more chat than its limit and touches every operation: 429 answers.",
            act="noisy",
        ),
        Scenario(
            "cache-stampede",
            "Cached answers are invalidated in bulk and read again by everybody at once: the hit rate falls.",
            act="stampede",
        ),
        Scenario(
            "engine-slow",
            "The engine answers after 600 to 900 ms (its own drill switch).",
            act="slow",
            drill={"delay_ms": 600, "delay_share": 1.0},
            injected=True,
        ),
        Scenario("engine-down", "The engine process is stopped; it starts again with the next scenario.", engine=False),
        Scenario(
            "coherence-storm",
            "More than a thousand invalidation events a second are published straight to Redis (an injected fault).",
            act="storm",
            injected=True,
        ),
        Scenario(
            "immortal-counter",
            "clinic_b went over its chat limit and its counter lost its TTL (an injected PERSIST): blocked for ever.",
            act="immortal",
            injected=True,
        ),
    )
}
NAMES: tuple[str, ...] = tuple(SCENARIOS)
