"""Parse what servers report of themselves: the reply of INFO, and the text exposition format of ``/metrics``."""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from optimus_tui.contract.services import BREAKER, UPSTREAM_DURATIONS

MAX_FIELDS = 2000
MAX_AMOUNT = 2**63 - 1
MAX_LINE = 16_384
MAX_SAMPLES = 100_000
MAX_DECLARED = 10_000
HISTOGRAM_PARTS = ("_bucket", "_sum", "_count")
OWN_ROUTES = ("/metrics", "/metrics/")
"""Requests for the metrics page itself, ours and those of a Prometheus, which are not part of the traffic."""
SYNONYMS = {
    "route": ("handler", "path", "endpoint", "http_route"),
    "status": ("status_code", "code", "http_status_code", "http_response_status_code"),
    "tenant": ("tenant_id",),
    "method": ("http_method", "http_request_method"),
}
"""The names that common libraries give to a label of the contract, the likeliest first."""
SERVICE_NAMES = ("upstream", "backend", "dependency", "circuit_breaker", "circuit", "breaker", "breaker_name", "name")
"""Names of the contract's label ``service`` in ``OF_SERVICES``, the likeliest first."""
OF_SERVICES = (BREAKER, UPSTREAM_DURATIONS)
_LABEL_NAME = r"[a-zA-Z_][a-zA-Z0-9_]*+"
_QUOTED = r'"(?:[^"\\]|\\.)*+"'
_NUMBER = r"[+-]?(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]++)?|[+-]?(?i:inf(?:inity)?)|(?i:nan)"
_LINE = re.compile(
    r"[ \t]*+(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*+)"
    rf"(?:[ \t]*+\{{[ \t]*+(?P<labels>(?:{_LABEL_NAME}[ \t]*+=[ \t]*+{_QUOTED}[ \t]*+(?:,[ \t]*+|(?=\}})))*+)\}}"
    r"[ \t]*+|[ \t]++)"
    rf"(?P<value>{_NUMBER})(?:[ \t]++[0-9.eE+-]++)?(?:[ \t]++\#.*+)?[ \t\r]*+"
)
_LABEL = re.compile(rf'({_LABEL_NAME})[ \t]*+=[ \t]*+"((?:[^"\\]|\\.)*+)"')
_ESCAPE = re.compile(r"\\(.)")
_PART = re.compile(r"(?:[^|\\]|\\.)*+")


def parse_info(reply: object) -> dict[str, str]:
    r"""Return the fields by name as raw text (undecodable bytes as ``\xff``); empty for anything but bytes or text."""
    if isinstance(reply, (bytes, bytearray)):
        text = bytes(reply).decode("utf-8", "backslashreplace")
    elif isinstance(reply, str):
        text = reply
    else:
        return {}
    fields: dict[str, str] = {}
    for line in text.split("\n"):
        name, colon, value = line.strip("\r").partition(":")
        if colon and name and not name.startswith("#"):
            fields.setdefault(name, value)
            if len(fields) >= MAX_FIELDS:
                break
    return fields


def whole(fields: Mapping[str, str], name: str) -> int | None:
    """Return the field as a whole number of at most 64 bits, else None."""
    value = fields.get(name, "")
    if len(value) > 20 or not value.lstrip("-").isascii() or not value.lstrip("-").isdigit():
        return None
    try:
        return int(value)
    except ValueError:
        return None


def amount(fields: Mapping[str, str], name: str) -> int | None:
    """Return the field as a non-negative whole number of at most 63 bits, else None."""
    value = whole(fields, name)
    if value is not None and 0 <= value <= MAX_AMOUNT:
        return value
    return None


def not_amounts(fields: Mapping[str, str], names: Iterable[str]) -> tuple[str, ...]:
    """Return the names whose field is present but is not a valid ``amount``."""
    return tuple(name for name in names if name in fields and amount(fields, name) is None)


def real(fields: Mapping[str, str], name: str) -> float | None:
    """Return the field as a finite number, else None."""
    value = fields.get(name, "")
    try:
        number = float(value) if len(value) <= 32 else None
    except ValueError:
        return None
    if number is not None and abs(number) < 1e300:
        return number
    return None


def keys_in(fields: Mapping[str, str], db: int) -> int | None:
    """Return the number of keys in database ``db`` from INFO's keyspace section; None where it has no such line."""
    return _in_keyspace(fields.get(f"db{db}", ""), "keys")


def expiring(fields: Mapping[str, str]) -> int | None:
    """Return the number of keys with a TTL in all databases from INFO's keyspace section; None where it lists none."""
    found = [
        _in_keyspace(value, "expires") for name, value in fields.items() if name[:2] == "db" and name[2:].isdigit()
    ]
    known = [number for number in found if number is not None]
    if known:
        return sum(known)
    return None


def _in_keyspace(line: str, name: str) -> int | None:
    for part in line.split(","):
        key, equals, value = part.partition("=")
        if equals and key == name:
            return amount({name: value}, name)
    return None


class Sample(NamedTuple):
    """One line. Bytes that are not UTF-8 are in the texts as surrogates."""

    name: str
    labels: dict[str, str]
    value: float


class Exposition(NamedTuple):
    """All samples in order; ``malformed`` counts lines that are neither sample nor comment nor empty.

    ``declared`` maps the names of TYPE lines to their types: a labelled counter that never counted has only such a
    line.
    """

    samples: list[Sample]
    malformed: int
    declared: dict[str, str]


def parse_exposition(body: bytes, names: Collection[str] | None = None) -> Exposition:
    """Return the samples of ``body``; with ``names`` only those of these metrics.

    At most 100,000 samples are kept; all further ones count as malformed.
    """
    samples: list[Sample] = []
    declared: dict[str, str] = {}
    malformed = 0
    for line in body.decode("utf-8", "surrogateescape").split("\n"):
        if not line or line[0] == "#" or not line.strip(" \t\r") or line.lstrip(" \t").startswith("#"):
            if line.startswith("# TYPE ") and len(declared) < MAX_DECLARED:
                words = line[7 : 7 + MAX_LINE].split()
                if words:
                    declared[words[0]] = words[1] if len(words) > 1 else ""
            continue
        found = None
        if len(line) <= MAX_LINE:
            found = _LINE.fullmatch(line)
        if found is None or len(samples) >= MAX_SAMPLES:
            malformed += 1
            continue
        name, block, value = found.group("name", "labels", "value")
        if names is not None and name not in names:
            continue
        pairs = _LABEL.findall(block) if block else []
        labels = dict(pairs)
        if len(labels) != len(pairs):
            malformed += 1
            continue
        if block and "\\" in block:
            labels = {label: _ESCAPE.sub(_unescape, text) for label, text in labels.items()}
        samples.append(Sample(name, labels, float(value)))
    return Exposition(samples, malformed, declared)


def series_name(metric: str, labels: Mapping[str, str]) -> str:
    """Return the name of a series."""
    if not labels:
        return metric
    return "|".join([metric, *[f"{label}={_escape(labels[label])}" for label in sorted(labels)]])


def canonical(labels: Mapping[str, str], metric: str = "", renamed: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return a metric's labels under the names of the contract; a label that has its name already stays as it is.

    ``renamed`` maps the contract's names to the published ones and takes precedence: a label that has the contract's
    name but means something else is kept as ``published_NAME``.
    """
    found = dict(labels)
    for own, published in (renamed or {}).items():
        if published in found and published != own:
            if own in found:
                found[f"published_{own}"] = found[own]
            found[own] = found.pop(published)
    if base_of(metric) in OF_SERVICES:
        synonyms = {**SYNONYMS, "service": SERVICE_NAMES}
    else:
        synonyms = SYNONYMS
    for name, others in synonyms.items():
        other = next((one for one in others if one in found), None)
        if name not in found and other is not None:
            found[name] = found.pop(other)
    return found


def split_series(name: str) -> tuple[str, dict[str, str]]:
    """Return the metric and the labels of a series' name; parts without ``=`` are left out."""
    if "|" not in name:
        return name, {}
    if "\\" not in name:
        metric, *parts = name.split("|")
        return metric, dict(part.split("=", 1) for part in parts if "=" in part)
    found, place = [], 0
    while place <= len(name):
        match = _PART.match(name, place)
        end = match.end() if match else place
        found.append(name[place:end])
        place = end + 1
    pairs = [part.split("=", 1) for part in found[1:] if "=" in part]
    return found[0], {label: re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL) for label, text in pairs}


def base_of(name: str) -> str:
    """Return the histogram's name for one of its three parts; any other name unchanged."""
    for part in HISTOGRAM_PARTS:
        if name.endswith(part):
            return name.removesuffix(part)
    return name


def _escape(text: str) -> str:
    if "\\" in text or "|" in text:
        return text.replace("\\", "\\\\").replace("|", "\\|")
    return text


def _unescape(match: re.Match[str]) -> str:
    char = match[1]
    if char == "n":
        return "\n"
    if char in '"\\':
        return char
    return match[0]
