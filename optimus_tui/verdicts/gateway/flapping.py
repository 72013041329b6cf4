"""Judge a service that answers and fails by turns. Pure.

A single check shows little of it; the recorded checks show more. A service that failed all the time is down, which is
another finding, and one that has answered for a while is reported as past.
"""

from collections.abc import Sequence

from optimus_tui.contract.finding_rules import SERVICES_FLAPPING
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.make_finding import make_finding, phrase
from optimus_tui.verdicts.gateway.latency import GOOD_AGAIN_CHECKS, MIN_SAMPLES, as_past
from optimus_tui.wording.age import age

LEAST_FAILED, FAILED_SHARE = 3, 0.15
"""A restart costs a check or two; a smaller share is no flapping."""


def judge_flapping(name: str, looks: Sequence[tuple[float, float]]) -> list[Finding]:
    """Return a finding for a service that fails now and then. ``looks``: (time, 1.0 for a good answer or 0.0)."""
    failed = sum(value < 1 for _, value in looks)
    if len(looks) < MIN_SAMPLES or not max(LEAST_FAILED, FAILED_SHARE * len(looks)) <= failed < len(looks):
        return []
    seconds = looks[-1][0] - looks[0][0]
    found = make_finding(
        rule=SERVICES_FLAPPING,
        subject=name,
        failed=failed,
        count=len(looks),
        span=age(seconds),
        measured=round(failed / len(looks), 4),
        threshold=FAILED_SHARE,
        unit="share",
        samples=len(looks),
        window_seconds=seconds,
    )
    good_again = all(value >= 1 for _, value in looks[-GOOD_AGAIN_CHECKS:])
    if good_again:
        return [as_past(found, phrase(SERVICES_FLAPPING, "good_again", count=GOOD_AGAIN_CHECKS))]
    return [found]
