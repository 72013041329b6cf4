"""Find where a health check's body reports the state of its service and of the service's parts. Pure.

    own_claims({"status": "UP"})                        # the service's own verdict
    find_parts({"checks": {"redis": {"status": "down"}}}, Budget())

Reading is bounded: at most ``Budget.left`` values, and eight levels.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from optimus_tui.probes.http.health_words import Sense, sense_of, sense_of_word
from optimus_tui.wording.safe import safe_text

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
"""The ends of keys whose words are no verdict."""
PAST = ("last", "previous", "prev", "recent", "past", "history")
"""The beginnings of keys about another time than now."""
NAMES = ("name", "component", "componentId", "service", "checker", "key", "id")


class Claim(NamedTuple):
    """The report at one place. ``words`` quote it; ``sure``: it is certainly a part; ``optional``: it may fail."""

    words: str
    sense: Sense
    sure: bool = True
    optional: bool = False


class Budget:
    """How many more values may be read; ``cut``: there were more, in number or in depth."""

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
        plain = _plain(key)
        if plain in JUDGED and (sense := _sense(plain, value)) is not None:
            found.append(Claim(_quoted(_below(path, key), value), sense))
        if isinstance(value, dict) and depth < 2 and plain in WRAPPERS:
            found += own_claims(value, _below(path, key), depth + 1)
    return found


def find_parts(document: dict[str, Any], budget: Budget) -> Iterator[Claim]:
    """Yield what a body reports about the parts of its service."""
    for key, value in document.items():
        plain = _plain(key)
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
            plain = _plain(key)
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
        plain = _plain(key)
        if not isinstance(value, dict | list) or budget.left < 0 or _says_nothing(plain):
            continue
        if plain in STRICT:
            yield from _inside(value, _below(path, key), depth + 1, budget, strict=True)
        elif not judged:
            yield from _part(value, _below(path, key), depth + 1, budget, sure=True)


def _sense(plain: str, value: Any) -> Sense | None:
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
    """Return whether a key is about another time, or holds a text that is no verdict."""
    return plain.startswith(PAST) or plain.endswith(TEXTS)


def _is_off(part: dict[str, Any]) -> bool:
    """Return whether a part is switched off or not in use."""
    for key, value in part.items():
        plain = _plain(key)
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
        plain = _plain(key)
        if (plain == "optional" and value is True) or (
            plain in ("required", "critical", "essential", "mandatory", "fatal") and value is False
        ):
            return True
    return False


def _plain(key: str) -> str:
    return key[:60].lower().replace("_", "").replace("-", "").replace(" ", "").replace(".", "")


def _below(path: str, key: str) -> str:
    if path:
        return f"{path}.{safe_text(key, 40)}"
    return safe_text(key, 40)


def _quoted(path: str, value: Any) -> str:
    if isinstance(value, str):
        return f'"{path}": "{safe_text(value.strip(), 40)}"'
    return f'"{path}": {str(value).lower()}'
