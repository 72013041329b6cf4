"""Refusals of one tenant where the gateway's metrics count by other names, or by none."""

import pytest

from optimus_tui.contract.services import Counted, Increase
from optimus_tui.tools.troubleshoot.symptoms import refusals_of_tenant


def grown(name: str, **by: float) -> Increase:
    series = tuple(Counted(labels={"tenant": tenant.strip("_")}, increase=count) for tenant, count in by.items())
    return Increase(name=name, series=series, covered_minutes=2.0, source="live")


@pytest.mark.parametrize(
    ("tenant", "counted", "expected"),
    [
        ("team-acme", True, 38.0),
        ("team-globex", True, 0.0),
        ("acme", True, None),
        ("acme", False, 0.0),
    ],
)
def test_zero_is_said_only_of_tenants_that_the_metrics_know(tenant: str, counted: bool, expected: float | None) -> None:
    refused = grown("refused", **{"team-acme": 38})
    requests = grown("requests", **{"team-acme": 43, "team-globex": 9})
    found = refusals_of_tenant(refused, requests, tenant, counted=counted)
    if expected is None:
        assert (found.covered_minutes, found.total) == (0.0, 0.0)
        assert found.fault is not None and "no tenant of this name" in found.fault.message
    else:
        assert (found.covered_minutes, found.total, found.fault) == (2.0, expected, None)


def test_refusals_without_tenants_are_unknown_and_none_at_all_is_zero() -> None:
    nameless = refusals_of_tenant(grown("refused", _=5), grown("requests", _=50), "acme", counted=True)
    assert nameless.fault is not None and nameless.covered_minutes == 0.0
    none = refusals_of_tenant(grown("refused"), grown("requests", _=50), "acme", counted=True)
    assert (none.total, none.covered_minutes) == (0.0, 2.0)
