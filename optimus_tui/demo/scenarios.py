"""The demo's scenarios: one entry each, with a sentence that tells the true cause.

Their names alone are in ``demo``, which is cheap to import. The supervisor stops and starts the engine, the
traffic process does the rest.
"""

from typing import NamedTuple

from optimus_tui.contract.finding_rules import (
    CACHE_HIT_RATE,
    EVENTS_FLOOD,
    LATENCY_FEW,
    LATENCY_NOW,
    LATENCY_P95,
    LIMITS_IMMORTAL,
    LIMITS_OVER,
    SERVICES_ENGINE,
)
from optimus_tui.contract.incident import Remedy, Truth

_UNDONE = "{} until the demo plays another scenario or ends."
"""Until when the effect of a remedy lasts; the demo then plays a whole scenario again."""
REMEDIES: tuple[Remedy, ...] = (
    Remedy(
        "restart-engine",
        "Restart the AI engine",
        "The engine was stopped and started again.",
        "It cannot be undone.",
        restarts="engine",
    ),
    Remedy(
        "block-client",
        "Block clients that repeat their requests",
        "Clients that repeat without a pause are blocked.",
        _UNDONE.format("Clients of {tenant} that send again without a pause are refused"),
        unmeasured="which client sends so much (see the gateway's access log)",
    ),
    Remedy(
        "stop-job",
        "Stop jobs that drop cached answers in bulk",
        "No job drops cached answers in bulk any more.",
        _UNDONE.format("The jobs stay stopped"),
        unmeasured="which job it is (the feed names only what is dropped)",
    ),
    Remedy(
        "stop-publisher",
        "Stop publishers of events that no request caused",
        "What published events without a request is stopped.",
        _UNDONE.format("It stays stopped"),
        unmeasured="which program publishes (see CLIENT LIST of Redis)",
    ),
)
"""What an engineer can do outside of the product. Each is really carried out, even if it fixes nothing."""


class Scenario(NamedTuple):
    """One scenario.

    Attributes:
        says: The cause in one sentence.
        act: The function by which the traffic process causes the fault; empty for none.
        engine: Whether the engine process runs.
        drill: The body of the engine's ``PUT /drill``; None for no delay and no fault.
        injected: Whether a part of the cause is injected by hand, not by traffic.
        remedy: What ends the cause from outside of the product; empty if one of its actions does.
        truth: The answers that a drill expects.
    """

    name: str
    says: str
    act: str = ""
    engine: bool = True
    drill: dict[str, float] | None = None
    injected: bool = False
    remedy: str = ""
    truth: Truth = Truth()


SCENARIOS: dict[str, Scenario] = {
    one.name: one
    for one in (
        Scenario("quiet", "About ten tenants at their everyday rhythm; nothing is wrong."),
        Scenario(
            "noisy-tenant",
            "demo_dentist sends far more chat than its limit and touches every operation: 429 answers.",
            act="noisy",
            remedy="block-client",
            truth=Truth(
                rules=(LIMITS_OVER,),
                subject="demo_dentist",
                issues=("rate_limiting",),
                cure="block the client (:remedy block-client); then reset the counter, or wait for the window to end",
            ),
        ),
        Scenario(
            "cache-stampede",
            "Cached answers are invalidated in bulk and read again by everybody at once: the hit rate falls.",
            act="stampede",
            remedy="stop-job",
            truth=Truth(
                rules=(CACHE_HIT_RATE,),
                issues=("cache_miss",),
                cure="stop the job that invalidates in bulk (:remedy stop-job); the hit rate climbs by itself",
            ),
        ),
        Scenario(
            "engine-slow",
            "The engine answers after 600 to 900 ms (its own drill switch).",
            act="slow",
            drill={"delay_ms": 600, "delay_share": 1.0},
            injected=True,
            remedy="restart-engine",
            truth=Truth(
                rules=(LATENCY_NOW, LATENCY_P95, LATENCY_FEW),
                subject="engine",
                issues=("high_latency", "proxy_timeout"),
                cure="restart the engine (:remedy restart-engine)",
            ),
        ),
        Scenario(
            "engine-down",
            "The engine process is stopped, until a restart (:remedy) or the next scenario.",
            engine=False,
            remedy="restart-engine",
            truth=Truth(
                rules=(SERVICES_ENGINE,),
                issues=("circuit_breaker", "proxy_timeout"),
                cure="start the engine again (:remedy restart-engine); the circuit closes by itself",
            ),
        ),
        Scenario(
            "coherence-storm",
            "More than a thousand invalidation events a second are published straight to Redis (an injected fault).",
            act="storm",
            injected=True,
            remedy="stop-publisher",
            truth=Truth(
                rules=(EVENTS_FLOOD,),
                issues=("cache_miss",),
                cure="stop what publishes (:remedy stop-publisher)",
            ),
        ),
        Scenario(
            "immortal-counter",
            "clinic_b went over its chat limit and its counter lost its TTL (an injected PERSIST): blocked for ever.",
            act="immortal",
            injected=True,
            truth=Truth(
                rules=(LIMITS_IMMORTAL,),
                subject="clinic_b",
                issues=("rate_limiting",),
                cure="reset the counter (a): its tenant is served at once; or give it a TTL (a, repair), which keeps"
                " its count: refused until that ends",
            ),
        ),
    )
}
