"""Read the gateway's ``/metrics``, and keep the series that the contract names.

A missing page means not published; a page that is too large or not in the exposition format is a fault. Nothing is
repaired: a hit rate of 85 is not 0.85, ``true`` is not 1, and a value that is not valid is left out and reported.
"""

import asyncio
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
from msgspec.structs import replace

from optimus_tui.clock import Clock
from optimus_tui.contract.keyspace import LimitRules
from optimus_tui.contract.reading import Fault, Reading
from optimus_tui.contract.services import (
    BREAKER,
    CREATED,
    DURATIONS,
    HITS,
    MEMORY,
    MISSES,
    PROCESS_START,
    REFUSED,
    REQUESTS,
    UPSTREAM_DURATIONS,
    CacheMetrics,
    MetricsState,
)
from optimus_tui.contract.signals import SPEND, TOKENS
from optimus_tui.grammar.info import (
    HISTOGRAM_PARTS,
    OWN_ROUTES,
    Exposition,
    Sample,
    base_of,
    canonical,
    parse_exposition,
    series_name,
    split_series,
)
from optimus_tui.probes.http.fetch import DEADLINE_S, FETCH_ERRORS, Fetched, fault_of_http, fetch
from optimus_tui.probes.http.profile_health import with_header_words
from optimus_tui.settings.model import Settings
from optimus_tui.wording.safe import safe_text

NO_LABELS: Mapping[str, Mapping[str, str]] = {}
MAX_MARKS = 200
GROWING = ("process_cpu_seconds_total", "python_gc_collections_total", "python_gc_objects_collected_total")
CAP_BYTES = 1_000_000
MAX_SERIES = 4_000
MAX_NAME = 512
"""Characters of a series' name, labels included."""
COUNTERS = (REQUESTS, REFUSED, HITS, MISSES, TOKENS, SPEND)
OF_MODELS = (TOKENS, SPEND)
"""Counters that are read only where a profile names them, and by tenant alone: they have a series for each user."""
_PAIR = (HITS, MISSES)
"""Hits and misses: one without the other gives no share."""
HISTOGRAMS = (DURATIONS, UPSTREAM_DURATIONS)
GAUGES = (BREAKER, MEMORY)
OTHERS = "other"
"""The tenant under which requests of many tenants are summed, by the gateway or here."""
SKEW_SECONDS = 5.0
"""A larger clock difference is corrected; a smaller one may be the age of the answer."""
MAX_LOOKALIKES = 5
_LOOKALIKE = re.compile(r"(?:^|_)requests?(?:_|$)|http_server_duration", re.IGNORECASE)
_IN_SECONDS = re.compile(r"(?:duration|latency|processing_time|seconds)", re.IGNORECASE)
_NO_LOOKALIKE = re.compile(r"^(?:python|process|prometheus|promhttp|go|nodejs)_|in_?progress|size|bytes|active|refused")
MAX_NAMES = 1000
"""Operations, and tenants with overrides, that are kept; each tenant's overrides count up to as many again."""
MAX_LIMIT = 1_000_000_000
MAX_WINDOW_S = 31_622_400


def mark_names(remapped: Mapping[str, str]) -> set[str]:
    """Return the published names of all marks.

    Marks are values that identify the process behind a page, beside its start time: when each series was created, the
    CPU seconds of the process, and the work of its garbage collector. Workers that were forked in the same moment share
    one start time, but differ in these.
    """
    counted = (REQUESTS, REFUSED, HITS, MISSES, DURATIONS, UPSTREAM_DURATIONS)
    published = (remapped.get(name) or name for name in counted)
    return {*GROWING, *(name.removesuffix("_total").removesuffix("_count") + CREATED for name in published)}


def marks_of(samples: Iterable[Sample], names: set[str]) -> dict[str, float]:
    """Return the marks of a page by series, a bounded number of them."""
    marks: dict[str, float] = {}
    for name, labels, value in samples:
        if len(marks) >= MAX_MARKS:
            break
        if name in names and math.isfinite(value):
            marks[series_name(name, labels)] = value
    return marks


async def read_metrics(
    http: httpx.AsyncClient, settings: Settings, clock: Clock, deadline_s: float = DEADLINE_S
) -> Reading[MetricsState]:
    """Return what the gateway publishes now. ``value`` is None exactly where ``fault`` says why."""
    path = settings.profile.gateway.metrics
    wall, mono = clock.wall(), clock.mono()
    if not path:
        return Reading(value=MetricsState(published=False), taken_at=wall, taken_mono=mono)
    url = settings.gateway_url + path
    try:
        answer = await fetch(http, url, deadline_s, CAP_BYTES)
    except FETCH_ERRORS as error:
        return Reading(value=None, taken_at=wall, taken_mono=mono, fault=fault_of_http(error, url))
    small = len(answer.body) < 50_000  # a large page would hold up whoever shares our event loop
    work = (answer, settings.metric_names, settings.metric_labels)
    if small:
        state, fault = _state(*work)
    else:
        state, fault = await asyncio.to_thread(_state, *work)
    fault = with_header_words(fault, settings.profile.gateway, answer.status)
    if state is not None and state.process is not None:
        state = replace(state, started_at=state.process - _skew(answer.date, wall + answer.took_ms / 1000))
    return Reading(value=state, taken_at=wall, taken_mono=mono, took_ms=answer.took_ms, fault=fault)


def _state(
    answer: Fetched, remapped: Mapping[str, str], renamed: Mapping[str, Mapping[str, str]] = NO_LABELS
) -> tuple[MetricsState | None, Fault | None]:
    if answer.status == 404:
        return MetricsState(published=False), None
    if answer.status != 200:
        return None, Fault("invalid", f"/metrics answered {answer.status} {safe_text(answer.reason, 60)}".rstrip())
    if answer.problem:
        return None, Fault("invalid", f"/metrics answered 200, but {answer.problem}")
    wanted, marks = _wanted(remapped), mark_names(remapped)
    stems = {name.removesuffix("_total"): own for name, own in wanted.items() if own in COUNTERS}
    parsed = parse_exposition(answer.body, wanted.keys() | marks | stems.keys())
    if parsed.malformed and not parsed.samples:
        return None, Fault("invalid", "/metrics answered 200, but not with Prometheus text")
    counted = parsed._replace(samples=[one for one in parsed.samples if one.name in wanted])
    state = replace(pick_series(counted, wanted, renamed), marks=marks_of(parsed.samples, marks))
    bare = {stems[one.name]: one.name for one in parsed.samples if one.name in stems.keys() - wanted.keys()}
    return _without(state, {own: name for own, name in bare.items() if own not in _counted_in(state)}), None


def _counted_in(state: MetricsState) -> set[str]:
    """Return the metrics of which the state holds a series."""
    return {split_series(name)[0] for name in state.values}


def _without(state: MetricsState, bare: Mapping[str, str]) -> MetricsState:
    """Return the state where counters have no ``_total``: a TYPE line of that name does not prove the metric."""
    metrics = tuple(name for name in state.metrics if name not in bare)
    return replace(state, metrics=metrics, lookalikes={**state.lookalikes, **{own: (bare[own],) for own in bare}})


def pick_series(
    parsed: Exposition, wanted: Mapping[str, str], renamed: Mapping[str, Mapping[str, str]] = NO_LABELS
) -> MetricsState:
    """Return the series under the contract's names; ``wanted`` maps a published name to the contract's.

    ``renamed`` maps a metric of the contract to the published names of its labels (by the contract's names).
    """
    values: dict[str, float] = {}
    left_out, malformed = 0, parsed.malformed
    process = None
    crowded, unread = _crowded(parsed, wanted), _unread(parsed, wanted)
    for name, labels, value in parsed.samples:
        own = wanted[name]
        if own == PROCESS_START:
            if not labels and math.isfinite(value) and value > 0:
                process = value
            continue
        if _senseless(own, value):
            malformed += 1
            continue
        if own in unread:
            continue
        counted = _as_contract(own, canonical(labels, own, renamed.get(base_of(own))), value)
        if counted is None:
            continue
        labels, value = counted
        whole = _summed(own, labels, own in crowded)
        summed = whole is not labels
        series = series_name(own, whole)
        if series in values and summed:
            values[series] += value
        elif series in values:
            malformed += 1
        elif len(values) >= MAX_SERIES or len(series) > MAX_NAME:
            left_out += 1
        else:
            values[series] = value
    published = parsed.declared.keys() | {sample.name for sample in parsed.samples}
    silent = {PROCESS_START, *map(base_of, unread)}
    metrics = tuple(base for base, names in _bases(wanted).items() if base not in silent and published & names)
    return MetricsState(
        metrics=metrics,
        process=process,
        unread=tuple(sorted(map(base_of, unread))),
        lookalikes={
            name: others
            for name, others in _lookalikes(parsed.declared).items()
            if others and name not in metrics and name not in silent
        },
        values=values,
        left_out=left_out,
        summed=bool(crowded),
        malformed=malformed,
    )


def _summed(own: str, labels: dict[str, str], is_crowded: bool) -> dict[str, str]:
    """Return the labels of the sum that a series is counted in; its own labels where it stands by itself."""
    if own in OF_MODELS:
        return {name: text for name, text in labels.items() if name == "tenant"}
    if is_crowded and "tenant" in labels:
        return {**labels, "tenant": OTHERS}
    return labels


def _senseless(own: str, value: float) -> bool:
    return not math.isfinite(value) or (value < 0 and own not in GAUGES)


def _unread(parsed: Exposition, wanted: Mapping[str, str]) -> set[str]:
    """Return the counters with an unreadable series: the sum and the shares of the others would be wrong."""
    named = ((wanted[one.name], one.value) for one in parsed.samples)
    found = {own for own, value in named if own in COUNTERS and _senseless(own, value)}
    if found & set(_PAIR):
        found |= set(_PAIR)
    return found


def _crowded(parsed: Exposition, wanted: Mapping[str, str]) -> set[str]:
    """Return the counters with more series than are kept: their tenants are summed, so that totals stay true."""
    counts = Counter(wanted[one.name] for one in parsed.samples if wanted[one.name] not in OF_MODELS)
    return {own for own, count in counts.items() if count > MAX_SERIES // 2 and sum(counts.values()) > MAX_SERIES}


def _as_contract(own: str, labels: dict[str, str], value: float) -> tuple[dict[str, str], float] | None:
    """Return labels and value as the contract has them.

    None for a request of the page itself, and for a state that a breaker is not in.
    """
    if labels.get("route") in OWN_ROUTES:
        return None
    if own == BREAKER and "state" in labels:
        if value != 0:
            return _breaker(labels)
        return None
    return labels, value


def _breaker(labels: Mapping[str, str]) -> tuple[dict[str, str], float]:
    """Return labels and state number for a breaker that publishes one series per state (1 at the present one)."""
    word = re.sub(r"[^a-z]", "", labels["state"].lower())
    rest = {name: value for name, value in labels.items() if name != "state"}
    return rest, {"closed": 0.0, "halfopen": 1.0, "open": 2.0}.get(word, -1.0)


def _lookalikes(declared: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return metrics under other names that seem to count or time requests, as ``[metrics]`` has to name them."""
    counters, counts, timers = [], [], []
    for name, kind in declared.items():
        if not _LOOKALIKE.search(name) or _NO_LOOKALIKE.search(name) or len(name) > 100:
            continue
        if kind == "counter":
            counters.append(name.removesuffix("_total") + "_total")
        elif kind in ("histogram", "summary"):
            counts.append(f"{name}_count")
            if kind == "histogram" and _IN_SECONDS.search(name):
                timers.append(name)
    return {REQUESTS: tuple([*counters, *counts][:MAX_LOOKALIKES]), DURATIONS: tuple(timers[:MAX_LOOKALIKES])}


def _skew(date: str, wall: float) -> float:
    """Return by how many seconds the other machine's clock is ahead of ours; 0 where it is unknown or small."""
    try:
        ahead = parsedate_to_datetime(date).timestamp() - wall
    except (ValueError, TypeError, OverflowError):
        return 0.0
    if abs(ahead) > SKEW_SECONDS:
        return ahead
    return 0.0


def _bases(wanted: Mapping[str, str]) -> dict[str, set[str]]:
    """Return for each metric of the contract the published names that prove it, as in samples or TYPE lines."""
    found: dict[str, set[str]] = {}
    for name, own in wanted.items():
        found.setdefault(base_of(own), set()).update((name, base_of(name), name.removesuffix("_total")))
    return found


def _wanted(remapped: Mapping[str, str]) -> dict[str, str]:
    """Return the contract's name by published name; a histogram has three of each."""
    read = [name for name in (*COUNTERS, *GAUGES, PROCESS_START) if name in remapped or name not in OF_MODELS]
    wanted = {remapped.get(name) or name: name for name in read}
    for name in HISTOGRAMS:
        published = remapped.get(name) or name
        wanted |= {f"{published}{part}": f"{name}{part}" for part in HISTOGRAM_PARTS}
    return wanted


def parse_cache_metrics(document: dict[str, Any]) -> tuple[CacheMetrics | None, Fault | None]:
    """Return hit rate (share), key count, hits and misses where published, and a fault for invalid values."""
    problems: list[str] = []
    rate, total = document.get("hit_rate"), document.get("total_keys")
    if rate is None and total is None:
        return None, Fault("invalid", "/api/cache/metrics says neither hit_rate nor total_keys")
    if rate is not None and not _is_share(rate):
        problems.append(f"hit_rate {_shown(rate)} is not a share from 0 to 1")
        rate = None
    if total is not None and not (_is_whole(total) and 0 <= total <= 1 << 53):
        problems.append(f"total_keys {_shown(total)} is not a count")
        total = None
    hits, misses = (_counted(document.get(name), name, problems) for name in ("hits", "misses"))
    fault = None
    if problems:
        fault = Fault("invalid", f"/api/cache/metrics: {' and '.join(problems)}")
    if rate is None and total is None:
        return None, fault
    if rate is not None:
        rate = float(rate)
    return CacheMetrics(rate, total, hits, misses), fault


def _counted(value: object, name: str, problems: list[str]) -> int | None:
    """Return the look-ups since the start; 12.0 is 12, as Prometheus' clients write counters. None: not published."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if number and 0 <= value <= 1 << 53 and value == int(value):  # type: ignore[operator,call-overload]
        return int(value)  # type: ignore[call-overload,no-any-return]
    if value is not None:
        problems.append(f"{name} {_shown(value)} is not a count")
    return None


def parse_rules(document: dict[str, Any]) -> tuple[LimitRules | None, Fault | None]:
    """Return the limits per operation and per tenant; a bad entry is left out, a bad window rejects all."""
    window = document.get("window_seconds")
    if not isinstance(window, int) or not _is_whole(window) or not 1 <= window <= MAX_WINDOW_S:
        return None, _fault(f"window_seconds {_shown(window)} is not a number of seconds")
    problems: list[str] = []
    limits = _limits(document.get("limits"), "limits", problems)
    listed = document.get("tenants")
    tenants: dict[str, dict[str, int]] = {}
    if listed is not None and not isinstance(listed, dict):
        problems.append("tenants is not an object")
    elif listed:
        if len(listed) > MAX_NAMES:
            problems.append(f"only the first {MAX_NAMES:,} of {len(listed):,} tenants are used")
        for tenant in list(listed)[:MAX_NAMES]:
            overrides = _limits(listed[tenant], f"tenants.{safe_text(tenant, 40)}", problems)
            if len(tenant) <= MAX_NAME and overrides:
                tenants[tenant] = overrides
    default = _default(document, problems)
    problem = _listed(problems)
    rules = LimitRules(window_seconds=window, limits=limits, tenants=tenants, default=default, problem=problem)
    if problem:
        return rules, _fault(problem)
    return rules, None


def _default(document: dict[str, Any], problems: list[str]) -> int | None:
    limit = document.get("default_limit")
    if isinstance(limit, int) and _is_whole(limit) and 1 <= limit <= MAX_LIMIT:
        return limit
    if limit is not None:
        problems.append(f"default_limit {_shown(limit)} is not a limit")
    return None


def _limits(table: object, where: str, problems: list[str]) -> dict[str, int]:
    if not isinstance(table, dict):
        problems.append(f"{where} is not an object")
        return {}
    if len(table) > MAX_NAMES:
        problems.append(f"only the first {MAX_NAMES:,} of {len(table):,} {where} are used")
    kept: dict[str, int] = {}
    for name in list(table)[:MAX_NAMES]:
        limit = table[name]
        if len(name) <= MAX_NAME and _is_whole(limit) and 1 <= limit <= MAX_LIMIT:
            kept[name] = limit
        else:
            problems.append(f"{where}.{safe_text(name, 40)} {_shown(limit)} is not a limit")
    return kept


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_share(value: object) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and math.isfinite(value) and 0 <= value <= 1  # type: ignore[arg-type,operator]


def _shown(value: object) -> str:
    if isinstance(value, list):
        return "(a list)"
    if isinstance(value, dict):
        return "(an object)"
    if value is None:
        return "missing"
    if isinstance(value, str):
        value = repr(value)
    return safe_text(value, 40)


def _listed(problems: list[str]) -> str:
    more = ""
    if len(problems) > 3:
        more = f", and {len(problems) - 3:,} more"
    return "; ".join(problems[:3]) + more


def _fault(what: str) -> Fault:
    return Fault("invalid", f"/api/rate-limits: {what}")
