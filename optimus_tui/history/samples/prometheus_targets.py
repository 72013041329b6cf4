"""Assign the series of a Prometheus to processes, each counted once, and leave out other services. Pure.

Where nothing says which of several jobs is the gateway's, the result is a fault that names the setting to use.
"""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from optimus_tui.contract.reading import Fault
from optimus_tui.history.samples.row_codec import Samples
from optimus_tui.wording.safe import safe_text

SERVICE_LABELS = ("app", "app_kubernetes_io_name", "namespace", "container", "deployment")
"""Labels of a target that name what it is, as service discovery adds them."""
REPLICA_LABELS = ("prometheus_replica", "replica", "receive_replica", "thanos_replica", "rule_replica", "prometheus")
"""Labels with which several Prometheus servers that scrape the same targets mark their samples."""
MAX_JOBS = 10


class TargetSeries(Struct, frozen=True):
    """One series: its labels without those of the target, its target (job, instance), and its samples."""

    labels: dict[str, str]
    target: tuple[str, str]
    samples: Samples
    unread: bool = False
    """Whether a value of it is no finite number."""


def once(series: Sequence[TargetSeries]) -> list[TargetSeries]:
    """Return each process once: an instance under one job only, and from one of the servers that scraped it.

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
    """Return why the owner of these targets cannot be known; None where they are replicas of one service."""
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
        f"Prometheus holds {name} of several {kinds} ({shown}{more}): whose are the gateway's cannot be known",
        f"""say which in optimus.toml: [metrics] selector = '{label}="{first}"'""",
    )
