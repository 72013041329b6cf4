"""One route or tenant that fails is told by itself where all other requests hide it, and never by chance alone."""

from random import Random

import pytest

from optimus_tui.contract.services import Counted, Increase
from optimus_tui.settings.model import Thresholds
from optimus_tui.verdicts.gateway.failures import failing_part, find_errors

BARS = Thresholds()
MONITORED = ("/health", "", "200", 4000.0)


def grown(*rows: tuple[str, str, str, float], minutes: float = 30.0) -> Increase:
    series = tuple(
        Counted(labels={"route": route, "tenant": tenant, "status": status}, increase=count)
        for route, tenant, status, count in rows
    )
    return Increase(name="http_requests_total", series=series, covered_minutes=minutes, source="history")


def test_a_third_of_all_chats_is_told_beside_thousands_of_health_checks() -> None:
    seen = grown(MONITORED, ("/chat", "acme", "200", 23.0), ("/chat", "acme", "504", 10.0))
    (found,) = find_errors(seen, "gateway", BARS)
    assert (found.severity, found.subject) == ("high", "route /chat")
    assert found.message == "30 % of 33 requests of route /chat failed, the threshold is 5 %"


def test_one_tenant_that_gets_nothing_but_errors_is_told() -> None:
    seen = grown(("/chat", "acme", "500", 6.0), ("/chat", "other", "200", 3000.0))
    (found,) = find_errors(seen, "gateway", BARS)
    assert (found.severity, found.subject) == ("low", "tenant acme"), "six requests are no trend yet"


def test_what_is_too_much_for_all_is_told_of_all() -> None:
    seen = grown(("/chat", "acme", "504", 100.0), ("/items", "acme", "200", 900.0))
    (found,) = find_errors(seen, "gateway", BARS)
    assert (found.severity, found.subject) == ("high", "gateway") and "most at route /chat" in found.message


@pytest.mark.parametrize(("failed", "good"), [(1.0, 0.0), (2.0, 0.0), (3.0, 60.0), (1.0, 9.0)])
def test_a_few_failures_of_a_route_accuse_nobody(failed: float, good: float) -> None:
    assert find_errors(grown(MONITORED, ("/x", "a", "500", failed), ("/x", "a", "200", good)), "gateway", BARS) == []


def test_mistakes_of_callers_are_no_failures() -> None:
    assert find_errors(grown(MONITORED, ("/x", "a", "404", 50.0), ("/x", "a", "429", 50.0)), "gateway", BARS) == []


def test_a_route_that_is_good_again_is_low_and_one_that_just_began_to_fail_is_told() -> None:
    before = grown(MONITORED, ("/chat", "acme", "200", 23.0), ("/chat", "acme", "504", 10.0))
    (found,) = find_errors(before, "gateway", BARS, grown(MONITORED, ("/chat", "acme", "200", 15.0), minutes=1.5))
    assert found.severity == "low" and "0 % of the last 15" in found.message
    fine = grown(MONITORED, ("/chat", "acme", "200", 900.0), ("/chat", "acme", "504", 25.0))
    (found,) = find_errors(fine, "gateway", BARS, grown(MONITORED, ("/chat", "acme", "504", 25.0), minutes=1.5))
    assert found.severity == "high" and found.subject == "route /chat"


def test_fifty_routes_that_fail_below_the_bar_by_chance_are_seldom_accused() -> None:
    dice, accused = Random(9), 0
    for _ in range(200):
        rows = []
        for route in range(50):
            failed = sum(dice.random() < 0.005 for _ in range(60))
            rows += [(f"/r{route}", "", "500", float(failed)), (f"/r{route}", "", "200", 60.0 - failed)]
        accused += failing_part(grown(*rows), BARS) is not None
    assert accused == 0
