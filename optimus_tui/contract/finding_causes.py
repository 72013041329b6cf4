"""Which finding can be the cause of which: one table. Pure.

A row only makes a cause possible: ``verdicts.causes`` also checks the order in time. A finding about several subjects,
or about another subject than the row names, is never a cause.
"""

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from optimus_tui.contract.finding_rules import (
    BREAKER_HALF_OPEN,
    BREAKER_OPEN,
    CACHE_BULK,
    CACHE_CHURN,
    CACHE_EVICTIONS,
    CACHE_HIT_RATE,
    ERRORS_RATE,
    ERRORS_TIMEOUTS,
    EVENTS_FLOOD,
    FEED_DOWN,
    GATEWAY_RESTARTS,
    LATENCY_FEW,
    LATENCY_HALF,
    LATENCY_NOW,
    LATENCY_P95,
    LIMITS_IMMORTAL,
    LIMITS_LONG_TTL,
    LIMITS_NODE_AWAY,
    LIMITS_OVER,
    LIMITS_REFUSED,
    PROXY_P99,
    SERVER_CLUSTER_NODE,
    SERVER_REFUSES_WRITES,
    SERVER_REPLICA_LINK,
    SERVER_REPLICAS,
    SERVER_UNREACHABLE,
    SERVICE_DOWN,
    SERVICES_ENGINE,
    SERVICES_FLAPPING,
    SERVICES_GATEWAY,
    SERVICES_POSTGRES,
)


class RuleAndSubject(Protocol):
    """A finding in any form: what has a rule and a subject."""

    @property
    def rule(self) -> str:
        """Return the id of its rule."""

    @property
    def subject(self) -> str:
        """Return what it is about."""


class Link(NamedTuple):
    """Findings that may be the cause of others.

    Attributes:
        causes: Rules of the causes.
        effects: Rules of the effects.
        about: The subject of a cause must begin with one of these; () for any subject.
        effect_about: The same for the subject of an effect.
        same_tenant: True if both must be about the same tenant.
        noticed_after: Seconds from the beginning of the cause to its finding, at least.
        unordered: Seconds by which the effect may be found before the cause, which is only looked for now and then.
    """

    causes: tuple[str, ...]
    effects: tuple[str, ...]
    about: tuple[str, ...] = ()
    effect_about: tuple[str, ...] = ()
    same_tenant: bool = False
    noticed_after: float = 0.0
    unordered: float = 0.0


_SLOW = (LATENCY_NOW, LATENCY_P95, LATENCY_HALF, LATENCY_FEW)
_STORMS = (CACHE_BULK, CACHE_CHURN, EVENTS_FLOOD)
"""Invalidations without end: answers are computed again, and the gateway is busy with carrying them out."""
_SERVED = ("gateway", "route ", "ai_engine through", "engine through")
_CIRCUITS = (BREAKER_OPEN, BREAKER_HALF_OPEN)
_FIVE_CHECKS = 8.0
"""Seconds from the first to the last of five checks: only five slow ones in a row are a finding."""
_BETWEEN_CHECKS = 3.0
"""Seconds between two checks of a service that is slow to answer: it may have gone down anywhere in between."""
_ENGINES = ("engine", "ai_engine", "ai-engine")

LINKS: tuple[Link, ...] = (
    Link((*_STORMS, CACHE_EVICTIONS), (CACHE_HIT_RATE,)),
    Link((SERVICES_ENGINE,), (CACHE_HIT_RATE,)),  # a write that got no answer drops cached answers
    Link((SERVICES_ENGINE,), _CIRCUITS, effect_about=_ENGINES, unordered=_BETWEEN_CHECKS),
    Link((SERVICES_ENGINE,), (ERRORS_RATE, ERRORS_TIMEOUTS), unordered=_BETWEEN_CHECKS),
    Link((SERVICES_ENGINE,), (*_SLOW, PROXY_P99), effect_about=_SERVED),
    Link((SERVICES_FLAPPING,), _CIRCUITS, about=("engine",), effect_about=_ENGINES),
    Link((CACHE_HIT_RATE,), (*_SLOW, ERRORS_TIMEOUTS), effect_about=_SERVED),
    Link(_SLOW, _CIRCUITS, about=("engine",), effect_about=_ENGINES, noticed_after=_FIVE_CHECKS),
    Link(_SLOW, (*_SLOW, PROXY_P99), about=("engine",), effect_about=_SERVED, noticed_after=_FIVE_CHECKS),
    Link(_SLOW, (ERRORS_TIMEOUTS,), about=("engine",), noticed_after=_FIVE_CHECKS),
    Link(_SLOW, _SLOW, about=("redis",), effect_about=_SERVED),
    Link((EVENTS_FLOOD,), _SLOW, effect_about=("redis",)),
    Link(_STORMS, (*_SLOW, PROXY_P99), effect_about=_SERVED),  # the gateway carries out each event
    Link((SERVICES_POSTGRES,), (SERVICES_ENGINE, ERRORS_RATE)),
    Link((SERVER_UNREACHABLE,), (SERVICES_GATEWAY, ERRORS_RATE, FEED_DOWN), unordered=_BETWEEN_CHECKS),
    Link((SERVER_UNREACHABLE,), (CACHE_HIT_RATE,)),
    Link((SERVER_CLUSTER_NODE,), (SERVER_REPLICA_LINK, SERVER_REPLICAS, LIMITS_NODE_AWAY), unordered=_BETWEEN_CHECKS),
    Link((SERVER_REFUSES_WRITES,), (CACHE_HIT_RATE,)),
    Link((LIMITS_IMMORTAL, LIMITS_LONG_TTL, LIMITS_OVER), (LIMITS_REFUSED,), same_tenant=True),
    Link((GATEWAY_RESTARTS,), (SERVICES_FLAPPING,), effect_about=("gateway",)),
    Link((SERVICES_ENGINE,), (SERVICES_FLAPPING,), effect_about=("engine",)),
    Link((SERVICES_GATEWAY,), (SERVICES_FLAPPING,), effect_about=("gateway",)),
    Link((SERVICES_POSTGRES,), (SERVICES_FLAPPING,), effect_about=("postgres",)),
)
"""The first row that allows a pair counts."""
_OWN_FAMILIES = ("services", "latency")
"""Findings about a service itself that its restart explains."""
RESTART = "restart"
"""The kind of an act that restarts a service; the other kinds of acts are those of actions."""
_CLEARS_CACHE = ("invalidate_tenant", "unlink_prefix", "unlink_no_ttl")
"""Actions after which cached answers are missing."""
EFFECT_SECONDS, FILLING_SECONDS = 30.0, 120.0
"""For how long an act has side effects: until a service serves again, and until a cache is filled. What a figure shows
of them lasts longer by the time that it reaches back."""
REACHES_SECONDS = (150.0, 300.0, 600.0)
"""How long figures of a window show them, in steps, so that "wait until" does not move while the window grows. It is no
longer for one that reaches back further: what is counted from an act on would follow from it for ever."""


def can_follow_from(rule: str, subject: str, effect: RuleAndSubject) -> bool:
    """Return True if the table allows that a finding of this rule and subject was the cause of another one.

    The order in time is not checked: the cause may have ended already.
    """
    return any(
        rule in link.causes
        and effect.rule in link.effects
        and (not link.about or subject.startswith(link.about))
        and (not link.effect_about or effect.subject.startswith(link.effect_about))
        and (not link.same_tenant or subject.partition(" / ")[0] == effect.subject.partition(" / ")[0])
        for link in LINKS
    )


def can_follow_from_restart(service: str, effect: RuleAndSubject) -> bool:
    """Return True if a finding can be an effect of a service's restart: it has the same effects as its outage."""
    if effect.subject == service and effect.rule.partition(".")[0] in _OWN_FAMILIES:
        return True
    if service == "gateway" and effect.rule == GATEWAY_RESTARTS:
        return True
    return service in SERVICE_DOWN and can_follow_from(SERVICE_DOWN[service], service, effect)


def effects_of_restart(service: str, rules: Iterable[str]) -> list[str]:
    """Return those of ``rules`` that the table knows as effects of a restart of the service."""
    down = SERVICE_DOWN.get(service)
    known = {rule for link in LINKS if down in link.causes for rule in link.effects}
    return [rule for rule in rules if rule in known]


def effect_seconds(rule: str, window: float | None, since_act: float) -> float:
    """Return for how many seconds an act can explain a finding. The result does not change while one waits.

    Args:
        rule: The rule of the finding.
        window: How many seconds its figures reach back; None for figures of the present moment.
        since_act: Seconds since the act: figures of a shorter window have nothing of before it.
    """
    if window is None:
        if rule == CACHE_HIT_RATE:
            return FILLING_SECONDS
        return EFFECT_SECONDS
    if window <= since_act:
        return REACHES_SECONDS[0]
    return next((one for one in REACHES_SECONDS if window <= one), REACHES_SECONDS[-1])


def can_follow_from_act(kind: str, subject: str, effect: RuleAndSubject) -> bool:
    """Return True if a finding can be a side effect of something that was done from here.

    Args:
        kind: ``RESTART``, or the kind of an action.
        subject: The service that was restarted, or the tenant of the action.
        effect: The finding.
    """
    if kind == RESTART:
        return can_follow_from_restart(subject, effect)
    return kind in _CLEARS_CACHE and can_follow_from(CACHE_BULK, subject, effect)
