"""What a project does not do at all is no slip of one file."""

import pytest

from optimus_tui.patterns.habits import lacking_by_use
from optimus_tui.patterns.judge import Share, Verdict
from optimus_tui.patterns.selection import RuleSelection


@pytest.mark.parametrize(
    ("shares", "lacks"),
    [
        ([(10, 1), (10, 4)], set()),
        ([(10, 1), (10, 10)], {"isolation"}),
        ([(2, 1)], set()),
        ([(0, 0)], set()),
        ([], set()),
    ],
)
def test_a_project_of_which_few_routes_know_their_tenant_is_not_told_so_of_each(
    shares: list[tuple[int, int]], lacks: set[str]
) -> None:
    verdicts = [Verdict(shares=(Share("limits.missing", 2, 2), Share("tenancy.missing", *one))) for one in shares]
    assert lacking_by_use(verdicts) == lacks


@pytest.mark.parametrize(("fails", "lacks"), [([1, 1, 0], {"metrics"}), ([1, 0, 0], set()), ([1, 0], set())])
def test_a_project_of_which_most_routers_measure_nothing_is_not_told_so_of_each(
    fails: list[int], lacks: set[str]
) -> None:
    assert lacking_by_use(Verdict(shares=(Share("metrics.missing", 1, one),)) for one in fails) == lacks


def test_what_a_project_lacks_leaves_out_a_rule_or_lowers_it_and_is_said() -> None:
    plain = RuleSelection("gateway", "production_ready")
    assert (plain.at("x.py")["limits.missing"].priority, plain.left_out()) == ("high", [])
    less = plain.lacking(frozenset({"isolation", "limiter"}))
    assert less.at("x.py")["limits.missing"].priority == "low"
    assert "tenancy.missing" not in less.at("x.py") and "tenancy.unused" in less.at("x.py")
    assert less.left_out() == ["tenancy.missing"]
    assert plain.lacking(frozenset({"callers"})).left_out() == ["limits.missing"]
    assert plain.lacking(frozenset({"breaker", "metrics"})).left_out() == ["circuit_breaker", "metrics"]
    on = RuleSelection("gateway", rules={"tenancy.missing": "on"}).lacking(frozenset({"isolation"}))
    assert "tenancy.missing" in on.at("x.py"), "its owner chose it"


@pytest.mark.parametrize(
    ("routes", "fails", "lacks"),
    [
        (20, 19, {"limiter", "callers"}),
        (20, 11, {"limiter", "callers"}),
        (20, 9, set()),
        (5, 5, set()),
    ],
)
def test_a_project_that_limits_few_routes_decided_which(routes: int, fails: int, lacks: set[str]) -> None:
    assert lacking_by_use([Verdict(shares=(Share("limits.missing", routes, fails),))]) == lacks
