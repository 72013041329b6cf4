"""The truth line of the cache pane where there is little room: that a scan is not complete stays."""

from optimus_tui.contract.keyspace import CacheReport
from optimus_tui.contract.reading import Coverage, Reading
from optimus_tui.tui.panes.cache.lines import truth_forms


def test_an_incomplete_scan_says_so_before_its_reason_is_cut() -> None:
    reason = "slots moved, or a primary changed, during the scan"
    coverage = Coverage(168, None, complete=False, reason=reason)
    report = CacheReport(kinds=(), keys=168, coherence_keys=0, coverage=coverage, version=1)
    reading = Reading(value=report, taken_at=0.0, taken_mono=0.0, source="from 3 replicas, in step")
    forms = truth_forms(reading, 1.0, "here")
    assert reason in forms[0]
    fitting = next(form for form in forms if len(form) <= 76)
    assert fitting == "as of 00:00:00 (1.0 s) · scanned 168, incomplete · from 3 replicas, in step"
