"""The whole verdict: dependencies, findings of all subjects, unmeasured parts, and the overall status. Pure.

Until gateway, engine, Redis and the limits have each been checked once, the status is "unknown", unless a fault is
already certain.
"""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from optimus_tui.contract.finding_rules import LIMITS_PARTIAL, LIMITS_UNMEASURED, SOURCE_BROKEN
from optimus_tui.contract.findings import Finding, overall_of, worst_first
from optimus_tui.contract.make_finding import make_finding, phrase
from optimus_tui.contract.reading import Fault, Reading
from optimus_tui.contract.services import GatewayState, HealthReport, HitRate, Series, ServerState, ServiceState
from optimus_tui.settings.model import Thresholds
from optimus_tui.verdicts.gateway import latency, services
from optimus_tui.verdicts.gateway.hit_rate import find_rates, judged_rate
from optimus_tui.verdicts.limits.words import aliases_in, named, published_rules

REFUSED = ("denied", "invalid", "bug")


class Looks(Struct, frozen=True, kw_only=True):
    """The latest sample of each dependency; None if it was not checked yet."""

    gateway: Reading[GatewayState] | None = None
    engine: Reading[ServiceState] | None = None
    server: Reading[ServerState] | None = None
    postgres: Reading[ServiceState] | None = None


def judge(
    looks: Looks,
    *,
    history: Mapping[str, Series],
    rate: HitRate | None,
    recent: HitRate | None = None,
    rate_history: Series,
    thresholds: Thresholds,
    others: Iterable[Finding] = (),
    limits_seen: bool = True,
    watched: bool = False,
) -> HealthReport:
    """Return the whole report.

    ``recent`` is the present hit rate, ``rate`` covers minutes. ``others`` are the findings of limits,
    cache and feed. ``limits_seen`` is True once counters were read. ``watched``: further samples follow soon.
    """
    server, gateway = None, None
    if looks.server:
        server = looks.server.value
    if looks.gateway:
        gateway = looks.gateway.value
    findings = worst_first(
        [
            *services.judge_gateway(looks.gateway),
            *services.judge_engine(looks.engine),
            *services.judge_server(looks.server),
            *services.judge_postgres(looks.postgres),
            *others,
            *latency.judge(history, thresholds, watched=watched),
            *find_rates(rate, recent, server, thresholds),
        ]
    )
    findings = named(findings, aliases_in(published_rules(gateway)))
    seen = looks.gateway is not None and looks.engine is not None and looks.server is not None and limits_seen
    probed, answers = _count(looks)
    return HealthReport(
        gateway=looks.gateway,
        engine=looks.engine,
        server=looks.server,
        postgres=looks.postgres,
        latency=dict(history),
        hit_rate=judged_rate(rate, recent),
        hit_rate_history=rate_history,
        findings=findings,
        overall=overall_of(findings, unknown=not seen),
        probed=probed,
        answered=answers,
    )


def _count(looks: Looks) -> tuple[int, int]:
    """Return how many dependencies were checked and how many answered; one that is not configured does not count."""
    answers = []
    if looks.gateway is not None:
        answers.append(services.answered(services.service_of(looks.gateway.value)))
    if looks.engine is not None:
        answers.append(services.answered(looks.engine.value))
    if looks.server is not None:
        answers.append(looks.server.fault is None and looks.server.value is not None)
    if looks.postgres is not None:
        state = looks.postgres.value
        if state is None or state.status != "not configured":
            answers.append(services.answered(state))
    return len(answers), sum(answers)


def find_unmeasured(subject: str, fault: Fault | None, *, rule: str, answers: bool = False) -> list[Finding]:
    """Return a medium finding if a measurement was denied by the server's ACL, or (with ``answers``) took too long.

    ``answers`` is True if the server itself is well. An outage gives none, because it is a finding of its own.
    """
    if fault is None or (fault.kind not in REFUSED and not answers):
        return []
    return [unmeasured(subject, fault.message, rule=rule, remedy=fault.remedy or phrase(rule, "see_reason"))]


def unmeasured(subject: str, reason: str, *, rule: str, remedy: str) -> Finding:
    """Return the medium finding for something that could not be measured."""
    return make_finding(
        rule=rule,
        subject=subject,
        reason=reason,
        measured="unknown",
        threshold="measured",
        samples=0,
        remedy=remedy,
    )


def find_broken(source: str, error: str) -> Finding:
    """Return a medium finding: the reader of a source ended by an error, so its figures are old."""
    return make_finding(
        rule=SOURCE_BROKEN,
        subject=source,
        error=error,
        measured="unknown",
        threshold="measured",
        samples=0,
    )


def find_partial(subject: str, fault: Fault) -> list[Finding]:
    """Return the finding for counters that were read in part.

    It is medium if a right is missing, and low if there was not enough time for the rest.
    """
    if fault.kind in REFUSED:
        return find_unmeasured(subject, fault, rule=LIMITS_UNMEASURED)
    return [
        make_finding(
            rule=LIMITS_PARTIAL,
            subject=subject,
            reason=fault.message,
            measured="partial",
            threshold="measured",
            remedy=fault.remedy or "",
        )
    ]
