"""Judge the cache keys: how many, how many never expire, how well coherence tracks them. Pure.

There is no ratio for a partial scan or for few keys: half of the keys say nothing about the other half.
"""

from msgspec.structs import replace

from optimus_tui.contract.cache import CacheReport
from optimus_tui.contract.finding_rules import (
    CACHE_LARGE,
    CACHE_NO_TTL,
    CACHE_UNKNOWN_LAYOUT,
    COHERENCE_HIGH_OVERHEAD,
    COHERENCE_LOW_COVERAGE,
)
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.make_finding import make_finding
from optimus_tui.settings.model import Thresholds
from optimus_tui.verdicts.limits.layouts import layout_words
from optimus_tui.verdicts.sorting import some_of, worst_first
from optimus_tui.wording.numbers import percent, plural
from optimus_tui.wording.safe import safe_text

MIN_KEYS = 100
"""Of fewer cache keys the coherence ratio says nothing: tracking is per tenant and kind, so a young or small cache has
nearly as many tracking keys as answers."""


def judge(report: CacheReport, thresholds: Thresholds) -> CacheReport:
    """Return the report with its findings, the worst first."""
    findings = [*_ratio(report, thresholds), *_large(report, thresholds), *_without_ttl(report), *_unknown(report)]
    return replace(report, findings=worst_first(findings))


def _large(report: CacheReport, thresholds: Thresholds) -> list[Finding]:
    if report.keys <= thresholds.cache_keys_large:
        return []
    at_least = "at least "
    if report.coverage.complete:
        at_least = ""
    return [
        make_finding(
            rule=CACHE_LARGE,
            subject="cache keys",
            count=f"{at_least}{report.keys:,}",
            limit=thresholds.cache_keys_large,
            measured=float(report.keys),
            threshold=float(thresholds.cache_keys_large),
            unit="keys",
            samples=report.coverage.scanned,
        )
    ]


def _without_ttl(report: CacheReport) -> list[Finding]:
    kinds = [(kind.totals.kind, kind.totals.without_ttl) for kind in report.kinds if kind.totals.without_ttl]
    count = sum(number for _, number in kinds)
    if not count:
        return []
    kinds.sort(key=lambda item: -item[1])
    return [
        make_finding(
            rule=CACHE_NO_TTL,
            subject="cache keys",
            keys=plural(count, "cache key"),
            kinds=some_of([f"{safe_text(kind, 40)} {number:,}" for kind, number in kinds]),
            measured=float(count),
            threshold=0.0,
            unit="keys",
            samples=report.keys,
        )
    ]


def _unknown(report: CacheReport) -> list[Finding]:
    """No cache key of a known layout, and other names: whether anything is cached is unknown."""
    known = sum(kind.totals.keys for kind in report.kinds if kind.totals.kind)
    if known or not report.unknown.count or not report.coverage.complete:
        return []
    return [
        make_finding(
            rule=CACHE_UNKNOWN_LAYOUT,
            subject="cache keys",
            layouts=layout_words(
                report.unknown, known=report.coverage.scanned - report.unknown.count, wanted="cache key"
            ),
            measured=float(report.unknown.count),
            threshold=0.0,
            unit="keys",
            samples=report.coverage.scanned,
        )
    ]


def _ratio(report: CacheReport, thresholds: Thresholds) -> list[Finding]:
    if not report.coverage.complete or report.keys < MIN_KEYS:
        return []
    ratio = report.coherence_keys / report.keys
    low, high = thresholds.coherence_ratio_low, thresholds.coherence_ratio_high
    if low <= ratio <= high:
        return []
    rule, threshold = COHERENCE_HIGH_OVERHEAD, high
    if ratio < low:
        rule, threshold = COHERENCE_LOW_COVERAGE, low
    return [
        make_finding(
            rule=rule,
            subject="coherence",
            tracking=plural(report.coherence_keys, "tracking key"),
            keys=plural(report.keys, "cache key"),
            ratio=percent(ratio),
            limit=percent(threshold),
            measured=ratio,
            threshold=threshold,
            unit="ratio",
            samples=report.keys,
        )
    ]
