r"""Parse the text exposition format that services publish at ``/metrics``. Every byte of it is untrusted.

prometheus-client is not used: it is in the extra ``demo`` only, costs 0.12 s to import, and raises on the first bad
line, which loses the good ones. This parser is total: any bytes give samples and a count of malformed lines. Values are
not judged (NaN and infinities are passed on). Time grows only with the length.

A series has one name everywhere in the product, ``http_requests_total|method=GET|route=/api/x``: labels in the order of
their names, ``\`` and ``|`` in a value with a ``\`` before them. ``series_name`` and ``split_series`` translate.
"""

import re
from collections.abc import Collection, Mapping
from typing import NamedTuple

from optimus_tui.contract.metrics import BREAKER, UPSTREAM_DURATIONS

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


def canonical(labels: Mapping[str, str], metric: str = "") -> dict[str, str]:
    """Return a metric's labels under the names of the contract; a label that has its name already stays as it is."""
    found = dict(labels)
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
