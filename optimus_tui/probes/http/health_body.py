"""Read what the body of a health check reports about the service and its parts, in the words that services use.

Pure.
"""

import contextlib
import re
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

import msgspec
from msgspec import Struct

from optimus_tui.contract.services import Remark, Sickness
from optimus_tui.wording.safe import safe_text

Sense = Literal["good", "idle", "degraded", "sick", "unknown"]
"""The meaning of a value. idle: a part that is switched off or not in use, which is not a fault."""

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
        *("enabled", "listening", "complete", "completed", "initialized", "service healthy", "pong", "i'm alive"),
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
DEEPEST, MOST_VALUES = 8, 2000
VERDICTS = frozenset(
    (
        *("status", "state", "health", "healthstatus", "healthstate", "overall", "overallstatus"),
        *("overallhealth", "servicestatus", "result"),
    )
)
"""Keys without their case, blanks, ``-`` and ``_``."""
FLAGS = frozenset(
    (
        *("ok", "isok", "healthy", "ishealthy", "up", "isup", "alive", "isalive", "ready", "isready"),
        *("passed", "success", "available", "isavailable", "serving", "operational", "reachable"),
        *("connected",),
    )
)
"""False says sick."""
ALARMS = frozenset(
    (
        *("down", "unhealthy", "failed", "degraded", "maintenance", "maintenancemode", "draining"),
        *("shuttingdown",),
    )
)
"""True says sick, or degraded."""
ENVELOPES = frozenset(("data", "response", "payload", "body", "attributes"))
STRICT = frozenset(
    (
        *("checks", "check", "components", "dependencies", "services", "subsystems", "indicators"),
        *("probes", "connections", "backends", "modules", "systems", "healthchecks", "entries", "failures"),
        *("resources",),
    )
)
"""Containers of parts only: a word or a flag inside is the verdict of a part."""
LOOSE = frozenset(("details", "info", "error", "results", "output", "meta")) | ENVELOPES | VERDICTS
"""Containers that may hold parts and anything else."""
JUDGED, HOLDERS, WRAPPERS = VERDICTS | FLAGS | ALARMS, STRICT | LOOSE, VERDICTS | ENVELOPES
PARTS = frozenset(
    (
        *("redis", "db", "database", "postgres", "postgresql", "mysql", "mongo", "mongodb", "queue"),
        *("broker", "celery", "rabbitmq", "kafka", "elasticsearch", "engine", "aiengine", "llm"),
        *("upstream", "gateway", "worker", "workers", "scheduler"),
    )
)
SUFFIXES = ("status", "health", "state", "backend", "connection", "healthcheck")
TEXTS = ("message", "detail", "description", "reason", "note", "title", "name", "type", "mode", "level", "severity")
"""The ends of keys whose words are not a verdict."""
PAST = ("last", "previous", "prev", "recent", "past", "history")
"""The beginnings of keys about another time than now."""
NAMES = ("name", "component", "componentId", "service", "checker", "key", "id")
MOST_QUOTED = 3
_WORST_FIRST: tuple[Sickness, Sickness] = ("sick", "degraded")


def sense_of(value: Any) -> Sense:
    """Return what the value of a verdict means; ``unknown`` for anything but a word, a boolean or an HTTP status."""
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
    """Return what a word, or the first word of a text, means."""
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


class Claim(NamedTuple):
    """A statement of a body at one place.

    ``words`` quote it; ``sure``: it is certainly a part; ``optional``: it may fail.
    """

    words: str
    sense: Sense
    sure: bool = True
    optional: bool = False


class Budget:
    """The number of values that may still be read. ``cut``: the body had more, in number or in depth."""

    def __init__(self, left: int = MOST_VALUES) -> None:
        self.left, self.cut = left, False

    def spend(self, depth: int = 0) -> bool:
        """Return whether one more value may be read."""
        self.left -= 1
        self.cut = self.cut or self.left < 0 or depth > DEEPEST
        return self.left >= 0 and depth <= DEEPEST


def own_claims(document: dict[str, Any], path: str = "", depth: int = 0) -> list[Claim]:
    """Return what an object reports about itself, at its top level and in an envelope."""
    found = []
    for key, value in document.items():
        plain = _plain_key(key)
        if plain in JUDGED and (sense := _sense_of_key(plain, value)) is not None:
            found.append(Claim(_quoted(_below(path, key), value), sense))
        if isinstance(value, dict) and depth < 2 and plain in WRAPPERS:
            found += own_claims(value, _below(path, key), depth + 1)
    return found


def find_parts(document: dict[str, Any], budget: Budget) -> Iterator[Claim]:
    """Yield what a body reports about the parts of its service."""
    for key, value in document.items():
        plain = _plain_key(key)
        if budget.left < 0:
            return
        if plain in HOLDERS:
            yield from _inside(value, _below("", key), 1, budget, strict=plain in STRICT)
        elif _says_nothing(plain) or (plain in JUDGED and not isinstance(value, dict)):
            continue
        elif _is_part(plain):
            yield from _part(value, _below("", key), 1, budget, sure=not isinstance(value, bool))
        elif isinstance(value, dict | str):
            yield from _part(value, _below("", key), 1, budget, sure=False)


def _inside(value: Any, path: str, depth: int, budget: Budget, *, strict: bool) -> Iterator[Claim]:
    """Yield the parts in a container: a mapping by name, or a list."""
    if isinstance(value, list):
        yield from _listed(value, path, depth, budget, sure=True)
    elif isinstance(value, dict):
        for key, one in value.items():
            plain = _plain_key(key)
            if budget.left < 0:
                return
            is_word = not isinstance(one, dict | list)
            if _says_nothing(plain) or (is_word and not strict and plain in JUDGED):
                continue
            if is_word and (plain in ALARMS or (isinstance(one, bool) and not strict and plain not in PARTS)):
                continue
            yield from _part(one, _below(path, key), depth + 1, budget, sure=strict or not is_word or _is_part(plain))


def _listed(values: list[Any], path: str, depth: int, budget: Budget, *, sure: bool) -> Iterator[Claim]:
    for number, one in enumerate(values):
        if budget.left < 0:
            return
        if isinstance(one, dict):
            name = next((one[name] for name in NAMES if isinstance(one.get(name), str)), number)
            yield from _part(one, _below(path, str(name)), depth + 1, budget, sure=sure)
        else:
            budget.spend()


def _part(value: Any, path: str, depth: int, budget: Budget, *, sure: bool) -> Iterator[Claim]:
    """Yield what is reported about one part and its own parts."""
    if not budget.spend(depth):
        return
    if isinstance(value, list):
        yield from _listed(value, path, depth, budget, sure=sure)
    if isinstance(value, str | bool):
        yield Claim(_quoted(path, value), sense_of(value), sure)
    if not isinstance(value, dict) or _is_off(value):
        return
    optional, claims = _may_fail(value), own_claims(value, path)
    for claim in claims:
        yield claim._replace(sure=sure, optional=optional)
    sure = sure and not any(claim.sense == "good" for claim in claims)
    for claim in _deeper(value, path, depth, budget, judged=bool(claims)):
        yield claim._replace(sure=sure and claim.sure, optional=optional or claim.optional)


def _deeper(part: dict[str, Any], path: str, depth: int, budget: Budget, *, judged: bool) -> Iterator[Claim]:
    """Yield what is reported about the parts of a part. A part without a verdict of its own may be just a group."""
    for key, value in part.items():
        plain = _plain_key(key)
        if not isinstance(value, dict | list) or budget.left < 0 or _says_nothing(plain):
            continue
        if plain in STRICT:
            yield from _inside(value, _below(path, key), depth + 1, budget, strict=True)
        elif not judged:
            yield from _part(value, _below(path, key), depth + 1, budget, sure=True)


def _sense_of_key(plain: str, value: Any) -> Sense | None:
    """Return what the value of a verdict, a flag or an alarm means; None for a flag that is none."""
    if plain in VERDICTS:
        sense: Sense = "unknown"
        if isinstance(value, str | int):
            sense = sense_of(value)
        if sense == "unknown" and not isinstance(value, str):
            return None
        return sense
    if not isinstance(value, str | bool):
        return None
    sense = sense_of(value)
    if plain in FLAGS:
        if sense in ("good", "sick"):
            return sense
        return None
    raised = value is True or (isinstance(value, str) and value.strip().lower() in ("true", "yes", "on"))
    if not raised:
        return None
    if plain == "degraded":
        return "degraded"
    return "sick"


def _is_part(plain: str) -> bool:
    return plain in PARTS or (plain.endswith(SUFFIXES) and plain not in VERDICTS)


def _says_nothing(plain: str) -> bool:
    """Return whether a key is about another time, or holds a text that is not a verdict."""
    return plain.startswith(PAST) or plain.endswith(TEXTS)


def _is_off(part: dict[str, Any]) -> bool:
    """Return whether a part is switched off or not in use."""
    for key, value in part.items():
        plain = _plain_key(key)
        if (plain in ("enabled", "configured") and value is False) or (
            plain in ("disabled", "skipped") and value is True
        ):
            return True
        if plain in VERDICTS and isinstance(value, str) and sense_of_word(value) == "idle":
            return True
    return False


def _may_fail(part: dict[str, Any]) -> bool:
    """Return whether a part is marked as optional."""
    for key, value in part.items():
        plain = _plain_key(key)
        if (plain == "optional" and value is True) or (
            plain in ("required", "critical", "essential", "mandatory", "fatal") and value is False
        ):
            return True
    return False


def _plain_key(key: str) -> str:
    return key[:60].lower().replace("_", "").replace("-", "").replace(" ", "").replace(".", "")


def _below(path: str, key: str) -> str:
    if path:
        return f"{path}.{safe_text(key, 40)}"
    return safe_text(key, 40)


def _quoted(path: str, value: Any) -> str:
    if isinstance(value, str):
        return f'"{path}": "{safe_text(value.strip(), 40)}"'
    return f'"{path}": {str(value).lower()}'


class ReportedHealth(Struct, frozen=True, kw_only=True):
    """The health that a body reports. ``sickness`` is None if nothing is unhealthy; ``words`` quote what is."""

    sickness: Sickness | None = None
    words: str = ""
    remark: Remark | None = None


WELL = ReportedHealth()


def judge_body(document: dict[str, Any]) -> ReportedHealth:
    """Return how unhealthy the JSON object in a 200 says its service is. The worst of several verdicts counts."""
    own, budget = own_claims(document), Budget()
    parts = [one for one in find_parts(document, budget) if one.sense in ("sick", "degraded")]
    ill = [one for one in parts if not one.optional]
    for sickness in _WORST_FIRST:
        if mine := [one for one in own if one.sense == sickness]:
            return ReportedHealth(sickness=sickness, words=_quote(mine, ill))
    if any(one.sense == "good" for one in own):
        return ReportedHealth(remark=_of_parts(parts))
    if ill:
        words = _quote(sorted(ill, key=_order))
        if any(one.sense == "sick" and one.sure for one in ill):
            return ReportedHealth(sickness="sick", words=words)
        return ReportedHealth(sickness="degraded", words=words)
    return ReportedHealth(remark=_of_parts(parts) or _unknown(own, budget))


def judge_text(body: bytes) -> ReportedHealth:
    """Return the same for a 200 whose body is not a JSON object: a word as plain text, or as a JSON string."""
    text = _text_of(body)
    if sense_of_word(text) not in _WORST_FIRST:
        return WELL
    return ReportedHealth(sickness="sick", words=f'"{safe_text(text.strip(), 40)}"')


def says_well(body: bytes) -> bool:
    """Return whether the body of a 200 is one word for healthy and nothing else: ``OK``, ``"pong"``."""
    return _sense(_plain(_text_of(body)[:LONGEST].lower())) == "good"


def _text_of(body: bytes) -> str:
    text = body[: 4 * LONGEST].decode("utf-8", "replace").strip()
    if len(body) <= LONGEST:
        with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            value = msgspec.json.decode(body)
            if isinstance(value, str):
                text = value
    return text


def _order(claim: Claim) -> tuple[bool, bool]:
    return claim.sense != "sick", not claim.sure


def _quote(first: Sequence[Claim], others: Sequence[Claim] = ()) -> str:
    words = list(dict.fromkeys(one.words for one in (*first, *others)))
    quoted = ", ".join(words[:MOST_QUOTED])
    if len(words) > MOST_QUOTED:
        quoted += f" and {len(words) - MOST_QUOTED} more"
    return quoted


def _of_parts(parts: Sequence[Claim]) -> Remark | None:
    """Return the remark about sick parts of a service that is well or has no verdict of its own."""
    if parts:
        return Remark("part", _quote(sorted(parts, key=_order)))
    return None


def _unknown(own: Sequence[Claim], budget: Budget) -> Remark | None:
    if own:
        return Remark("unknown word", _quote(own))
    if budget.cut:
        return Remark("unknown word", "more than is read of a health check")
    return None
