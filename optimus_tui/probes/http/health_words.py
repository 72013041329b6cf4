"""The words with which services report their health, and what each means. Pure.

Collected from Spring Actuator, health+json, ASP.NET, MicroProfile, terminus, the health libraries of Django, Flask and
Go, gRPC and Elasticsearch. A word that is not listed is unknown, which is neither good nor sick.
"""

import re
from typing import Any, Literal

Sense = Literal["good", "idle", "degraded", "sick", "unknown"]
"""The meaning of a value. idle: a part that is switched off or not in use, which is no fault."""

LONGEST = 200
"""Characters of a value that are read; a verdict is at the beginning."""
_SICK = frozenset(
    (
        *("down", "fail", "failed", "failing", "failure", "error", "errored", "unhealthy", "critical"),
        *("fatal", "dead", "sick", "bad", "ko", "nok", "red", "broken", "crashed", "faulted", "faulty", "panic"),
        *("out of service", "unavailable", "service unavailable", "temporarily unavailable", "offline", "outage"),
        *("major outage", "unreachable", "disconnected", "connection refused", "refused", "timeout", "timed out"),
        *("stopped", "stopping", "terminated", "terminating", "shutdown", "shut down", "shutting down", "draining"),
        *("maintenance", "in maintenance", "under maintenance", "maintenance mode", "down for maintenance"),
        *("starting", "starting up", "initializing", "initialising", "booting", "pre initializing", "warming up"),
        *("loading", "loading model"),
        *("notready", "notserving", "unresponsive", "unserviceable", "inoperative", "exited", "killed", "suspended"),
        *("service error", "internal server error", "unexpected result", "timeout during health check"),
    )
)
_DEGRADED = frozenset(
    (
        *("degraded", "warn", "warning", "yellow", "partial", "partially available", "partially degraded"),
        *("partial outage", "minor outage", "degraded performance", "impaired", "limited", "unstable", "overloaded"),
    )
)
_GOOD = frozenset(
    (
        *("ok", "okay", "up", "healthy", "pass", "passed", "passing", "success", "successful", "succeeded", "good"),
        *("green", "running", "alive", "live", "ready", "serving", "online", "active", "available", "operational"),
        *("normal", "nominal", "working", "connected", "started", "fine", "well", "stable", "reachable", "true", "yes"),
        *("all good", "all ok", "all systems operational", "up and running", "in service", "responding", "200 ok"),
        *("enabled", "listening", "complete", "completed", "initialized", "service healthy", "pong"),
    )
)
_IDLE = frozenset(
    (
        *("disabled", "not configured", "unconfigured", "not enabled", "not used", "unused", "not applicable"),
        *("n/a", "na", "none", "null", "nil", "off", "skipped", "skip", "optional", "inactive", "idle", "standby"),
    )
)
_BETWEEN = re.compile(r"[\s_\-]+")
_END = re.compile(r"\s*[:;,(!.]\s*|\s+-\s+")
"""What may follow a verdict: ``unavailable: no route to host``, ``Healthy!``."""
SERVER_ERRORS = range(500, 600)


def sense_of(value: Any) -> Sense:
    """Return what the value of a verdict means; ``unknown`` for anything but a word, a flag or an HTTP status."""
    if isinstance(value, bool):
        if value:
            return "good"
        return "sick"
    if isinstance(value, int):
        if value in SERVER_ERRORS:
            return "sick"
        if value == 200:
            return "good"
        return "unknown"
    if isinstance(value, str):
        return sense_of_word(value)
    return "unknown"


def sense_of_word(text: str) -> Sense:
    """Return what a word means, or a text that begins with one."""
    text = text[:LONGEST].strip().lower()
    for plain in dict.fromkeys((_plain(text), _plain(_END.split(text, maxsplit=1)[0]))):
        if (sense := _sense(plain)) != "unknown":
            return sense
    return "unknown"


def _plain(text: str) -> str:
    return _BETWEEN.sub(" ", text.strip(" \"'!.:")).strip()


def _sense(plain: str) -> Sense:
    if plain in _SICK or plain in ("false", "no") or (plain.startswith("not ") and plain[4:] in _GOOD - {"enabled"}):
        return "sick"
    known: tuple[tuple[Sense, frozenset[str]], ...] = (("degraded", _DEGRADED), ("good", _GOOD), ("idle", _IDLE))
    return next((sense for sense, words in known if plain in words), "unknown")
