"""Report keys whose layout is not known: then "no counter" proves nothing. Pure."""

from optimus_tui.contract.cache import UnknownLayout
from optimus_tui.contract.finding_rules import LIMITS_UNKNOWN_LAYOUT
from optimus_tui.contract.findings import Finding, Severity
from optimus_tui.contract.make_finding import make_finding
from optimus_tui.contract.reading import Coverage
from optimus_tui.wording.numbers import plural

SHOWN = 3


def layout_words(unknown: UnknownLayout, *, known: int = 0, shown: int = SHOWN, wanted: str = "") -> str:
    """Return ``15 keys, none in a known layout: 9 × `LIMITS:LIMITER/…` ``; "" where every name is understood.

    ``known`` is the number of keys of a known layout; beside these, ``wanted`` is what is not among them.
    """
    if not unknown.count:
        return ""
    shapes = ", ".join(f"{count:,} × `{text}`" for text, count in unknown.shapes[:shown])
    more = len(unknown.shapes) - shown
    shapes += f" and {plural(more, 'other shape')}" if more > 0 else ""
    keys = plural(unknown.count, "key")
    if not known:
        return f"{keys}, none in a known layout: {shapes}"
    lead = ""
    if wanted:
        lead = f"no {wanted}, but "
    return f"{lead}{keys} in an unknown layout: {shapes}"


def counters_unknown(counters: int, unknown: UnknownLayout) -> bool:
    """Return True if no counter has a known layout and other names exist: the limits cannot be judged."""
    return counters == 0 and unknown.count > 0


def find_unknown_layout(counters: int, unknown: UnknownLayout, coverage: Coverage, *, known: int = 0) -> list[Finding]:
    """Return a finding: medium where the names look like another limiter's, else low.

    None while not all keys were seen, and where counters of a known layout exist (``counters`` of them).
    """
    if not coverage.complete or not counters_unknown(counters, unknown):
        return []
    severity: Severity = "low"
    if unknown.like_limiter:
        severity = "medium"
    return [
        make_finding(
            rule=LIMITS_UNKNOWN_LAYOUT,
            severity=severity,
            subject="rate limits",
            layouts=layout_words(unknown, known=known, wanted="rate-limit counter"),
            measured=float(unknown.count),
            threshold=0.0,
            unit="keys",
            samples=unknown.count,
        )
    ]
