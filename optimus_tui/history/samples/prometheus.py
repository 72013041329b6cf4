"""Range queries on a Prometheus server, and which process each of its series belongs to.

A sample that it does not hold is missing, never invented.
"""

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Literal
from urllib.parse import quote, urlencode, urlsplit

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from optimus_tui.contract.reading import Fault
from optimus_tui.contract.services import PROCESS_START, REQUESTS
from optimus_tui.grammar.info import OWN_ROUTES, base_of, canonical
from optimus_tui.history.samples.file import Samples
from optimus_tui.settings.model import Settings
from optimus_tui.settings.tuning import TUNING
from optimus_tui.wording.safe import safe_text

SERVICE_LABELS = ("app", "app_kubernetes_io_name", "namespace", "container", "deployment")
"""Labels of a target that name what it is, as service discovery adds them."""
REPLICA_LABELS = ("prometheus_replica", "replica", "receive_replica", "thanos_replica", "rule_replica", "prometheus")
"""Labels with which several Prometheus servers that scrape the same targets mark their samples."""
MAX_JOBS = 10
DEADLINE_SECONDS = 3.0
CAP_BYTES = 8_000_000
POINTS = 120
MAX_SERIES = 5_000
"""Series of one answer that are read; further ones are reported as a fault."""
RAW_SECONDS, BEFORE_SECONDS = 900.0, 60.0
"""Windows up to the first length get samples as scraped, starting the second number of seconds earlier."""
MAX_TARGETS = 20
TARGET_LABELS = ("__name__", "job", "instance")
Get = Callable[[str, float, int], Awaitable[tuple[int, bytes] | Fault]]
"""``await get(url, deadline_s, cap_bytes)``: status and body, or the fault. Never raises for an outage."""


class TargetSeries(Struct, frozen=True):
    """One series: its labels without those of the target, its target (job, instance), and its samples."""

    labels: dict[str, str]
    target: tuple[str, str]
    samples: Samples
    unread: bool = False
    """Whether a value of it is not a finite number."""


def each_process_once(series: Sequence[TargetSeries]) -> list[TargetSeries]:
    """Return each process once: an instance counts under one job only, and from one of the servers that scraped it.

    What two jobs or two servers scrape from one address is the same process.
    """
    samples: dict[tuple[tuple[str, str], tuple[str, ...]], int] = {}
    for one in series:
        key = one.target, _replica(one)
        samples[key] = samples.get(key, 0) + len(one.samples)
    chosen: dict[str, tuple[tuple[str, str], tuple[str, ...]]] = {}
    for key in sorted(samples, key=lambda key: (-samples[key], key)):
        chosen.setdefault(key[0][1], key)
    return [_plain(one) for one in series if chosen[one.target[1]] == (one.target, _replica(one))]


def _replica(series: TargetSeries) -> tuple[str, ...]:
    return tuple(series.labels.get(name, "") for name in REPLICA_LABELS)


def _plain(series: TargetSeries) -> TargetSeries:
    labels = {name: value for name, value in series.labels.items() if name not in REPLICA_LABELS}
    if len(labels) == len(series.labels):
        return series
    return replace(series, labels=labels)


def ambiguity(name: str, series: Sequence[TargetSeries]) -> Fault | None:
    """Return why it is unknown which service these targets belong to; None if they are replicas of one service."""
    jobs = sorted({one.target[0] for one in series})
    if len(jobs) > 1:
        return _ambiguous(name, "job", jobs)
    several = _told_apart(series)
    if several:
        return _ambiguous(name, *several)
    return None


def _told_apart(series: Sequence[TargetSeries]) -> tuple[str, list[str]] | None:
    """Return the label that marks targets of one job as different services, and its values; None for replicas."""
    for label in SERVICE_LABELS:
        of_targets: dict[tuple[str, str], set[str]] = {}
        for one in series:
            of_targets.setdefault(one.target, set()).add(one.labels.get(label, ""))
        values = {next(iter(values)) for values in of_targets.values() if len(values) == 1}
        if len(values) > 1 and "" not in values and all(len(values) == 1 for values in of_targets.values()):
            return label, sorted(values)
    return None


def _ambiguous(name: str, label: str, values: list[str]) -> Fault:
    """Return why targets of several jobs (or different values of ``label``) are not added up, and the remedy."""
    shown = ", ".join(safe_text(value, 60) for value in values[:MAX_JOBS])
    more = ""
    if len(values) > MAX_JOBS:
        more = f" and {len(values) - MAX_JOBS} more"
    first = safe_text(values[0], 60).replace("'", "")
    if label == "job":
        kinds = "jobs"
    else:
        kinds = f"services (label {label})"
    return Fault(
        "invalid",
        f"Prometheus holds {name} of several {kinds} ({shown}{more}): which are the gateway's is not known",
        f"""say which in optimus.toml: [metrics] selector = '{label}="{first}"'""",
    )


class _Series(Struct):
    metric: dict[str, str]
    values: list[tuple[float, str]]


class _Data(Struct):
    resultType: Literal["matrix"]
    result: list[_Series]


class _Answer(Struct):
    status: str
    data: _Data | None = None
    error: str = ""


class QueryResult(Struct, frozen=True, kw_only=True):
    """Prometheus' samples of a metric. ``step`` is the seconds between two samples, 0 for samples as scraped.

    ``targets`` are those used, as ``job/instance``, or those that cannot be told apart where ``fault`` says so.
    """

    found: tuple[TargetSeries, ...] = ()
    step: float = 0.0
    fault: Fault | None = None
    targets: tuple[str, ...] = ()


class Prometheus:
    """One server, with what it holds about the watched gateway."""

    def __init__(self, settings: Settings, get: Get, least_step_seconds: float = TUNING.least_step_seconds) -> None:
        self.base = settings.prometheus_url or ""
        self._get, self._least_step = get, least_step_seconds
        self._names, self._labels = settings.metric_names, settings.metric_labels
        self._instances = {urlsplit(url).netloc for url in settings.gateways}

    def published(self, name: str) -> str:
        """Return the gateway's name for a metric of the contract; a histogram's parts follow their histogram."""
        base = base_of(name)
        return (self._names.get(base) or base) + name[len(base) :]

    async def range(
        self, name: str, labels: Mapping[str, str], since: float, until: float, *, of_gateway: bool = False
    ) -> QueryResult:
        """Return all series of a metric with exactly these labels, of the gateway's targets only.

        ``of_gateway`` asks only targets that publish the gateway's own counter. Where one of the targets is the
        gateway's configured address, the others are left out, because they are other gateways. Where targets of several
        jobs answer and no selector is configured, none is used, because their owner is unknown; the same holds for
        targets of one job that a label marks as different services. Short windows get the samples as scraped, with
        their times; long ones a sample each step.
        """
        selector = self._selector(name, labels)
        if selector is None:
            return QueryResult()
        if of_gateway:
            query = f"{selector} and on (job, instance) {self._selector(REQUESTS, {})}"
        else:
            query = selector
        raw = not of_gateway and until - since <= RAW_SECONDS
        if raw:
            step = 0.0
        else:
            step = max(self._least_step, math.ceil((until - since) / POINTS))
        answer = await self._ask(query, since, until, step)
        if isinstance(answer, Fault):
            return QueryResult(step=step, fault=answer)
        series, fault = read_answer(*answer, name, self._labels.get(base_of(name)))
        series = [one for one in series if one.labels.get("route") not in OWN_ROUTES]
        series, doubt = await self._ours(name, series, since, until)
        targets = sorted({one.target for one in series})
        words = tuple(safe_text("/".join(part or "-" for part in target), 120) for target in targets[:MAX_TARGETS])
        if doubt is not None:
            return QueryResult(step=step, fault=doubt, targets=words)
        if name.endswith("_total") and any(one.unread for one in series):
            # of a counter without one of its series, neither the sum nor a share is true
            return QueryResult(
                step=step, fault=Fault("invalid", f"values of {name} in Prometheus are not numbers"), targets=words
            )
        return QueryResult(found=tuple(series), step=step, fault=fault, targets=words)

    async def _ours(
        self, name: str, series: Sequence[TargetSeries], since: float, until: float
    ) -> tuple[list[TargetSeries], Fault | None]:
        """Return the series of the gateway's targets, and why their owner cannot be known.

        The gateway is what counts requests. Where a target of that kind is its configured address and none of these
        series belongs to it, they belong to another, however few jobs publish them.
        """
        own = [one for one in series if one.target[1] in self._instances]
        if own or not series or self._names.get("selector", "").strip():
            return each_process_once(own or series), None
        if name == REQUESTS:
            gateways = series
        else:
            gateways = await self._gateways(since, until)
        if any(one.target[1] in self._instances for one in gateways):
            return [], None
        targets = {one.target for one in gateways or series}
        found = each_process_once([one for one in series if one.target in targets])
        return found, ambiguity(name, each_process_once(gateways or series))

    async def _gateways(self, since: float, until: float) -> list[TargetSeries]:
        """Return the targets that count requests, with the labels that name what they are."""
        selector = self._selector(REQUESTS, {})
        labels = ", ".join(("job", "instance", *SERVICE_LABELS))
        step = max(self._least_step, math.ceil((until - since) / POINTS))
        answer = await self._ask(f"group by ({labels}) ({selector})", since, until, step)
        if isinstance(answer, Fault):
            return []
        return read_answer(*answer)[0]

    async def starts(self, of: QueryResult, since: float, until: float) -> dict[tuple[str, str], Samples]:
        """Return the processes' start times by target, at the times of the samples in ``of``; empty where unknown."""
        targets = {one.target for one in of.found}
        found: dict[tuple[str, str], Samples] = {}
        for job in sorted({job for job, _ in targets})[:MAX_JOBS]:
            selector = self._selector(PROCESS_START, {"job": job})
            if selector is None:
                answer = None
            else:
                answer = await self._ask(selector, since, until, of.step)
            if isinstance(answer, tuple):
                found |= {one.target: one.samples for one in read_answer(*answer)[0] if one.target in targets}
        return found

    async def _ask(self, query: str, since: float, until: float, step: float) -> tuple[int, bytes] | Fault:
        if step:
            times = {"start": f"{since:.3f}", "end": f"{until:.3f}", "step": f"{step:.0f}", "timeout": "2500ms"}
            place = "query_range"
        else:
            query = f"{query}[{until - since + BEFORE_SECONDS:.0f}s]"
            times, place = {"time": f"{until:.3f}", "timeout": "2500ms"}, "query"
        url = f"{self.base}/api/v1/{place}?{urlencode({'query': query, **times}, quote_via=quote)}"
        return await self._get(url, DEADLINE_SECONDS, CAP_BYTES)

    def _selector(self, name: str, labels: Mapping[str, str]) -> str | None:
        """Return the selector of a metric; None where a value is not UTF-8, since Prometheus holds no such series."""
        try:
            renamed = self._labels.get(base_of(name), {})
            matchers = [f"{renamed.get(label, label)}={_quoted(value)}" for label, value in sorted(labels.items())]
        except UnicodeEncodeError:
            return None
        own = self._names.get("selector", "").strip().strip("{},")
        return f"{self.published(name)}{{{','.join([*matchers, own] if own else matchers)}}}"


def read_answer(
    status: int, body: bytes, metric: str = "", renamed: Mapping[str, str] | None = None
) -> tuple[list[TargetSeries], Fault | None]:
    """Return the series of a range query's answer; values that are not finite are left out.

    ``renamed`` maps the contract's names of the labels to the published ones.
    """
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        what = ""
        if status == 200:
            what = "with something other than the result of a range query"
        return [], Fault("invalid", f"Prometheus answered {status} {what}".rstrip())
    if status != 200 or answer.status != "success" or answer.data is None:
        return [], Fault("invalid", f"Prometheus answered {status}: {safe_text(answer.error or answer.status, 160)}")
    many = len(answer.data.result) > MAX_SERIES
    fault = None
    if many:
        fault = Fault("invalid", f"Prometheus holds more than {MAX_SERIES:,} such series: only those count")
    return [_found(one, metric, renamed) for one in answer.data.result[:MAX_SERIES]], fault


def _found(series: _Series, metric: str, renamed: Mapping[str, str] | None) -> TargetSeries:
    published = {name: value for name, value in series.metric.items() if name not in TARGET_LABELS}
    labels = canonical(published, metric, renamed)
    target = series.metric.get("job", ""), series.metric.get("instance", "")
    samples = [(at, value) for at, text in series.values if (value := _number(text)) is not None and math.isfinite(at)]
    return TargetSeries(labels, target, samples, unread=len(samples) < len(series.values))


def _number(text: str) -> float | None:
    try:
        value = float(text) if len(text) <= 40 else math.nan
    except ValueError:
        return None
    if math.isfinite(value):
        return value
    return None


def _quoted(value: str) -> str:
    value.encode("utf-8")
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
