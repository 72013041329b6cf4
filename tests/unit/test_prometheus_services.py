"""Targets of one job that a label tells apart as different services are not added up; replicas of one service are."""

import json

import pytest

from optimus_tui.contract.reading import Fault
from optimus_tui.history.prometheus import Prometheus
from optimus_tui.settings.model import Settings

NOW = 1_795_000_000.0


def asked(*targets: dict[str, str]) -> Prometheus:
    """A Prometheus that holds a counter of these targets, each two samples long."""
    result = [
        {
            "metric": {"__name__": "http_requests_total", "job": "pods", "status": "200", **labels},
            "values": [[NOW - 15, "10"], [NOW, "20"]],
        }
        for labels in targets
    ]

    async def get(url: str, seconds: float, most: int) -> tuple[int, bytes] | Fault:
        return 200, json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}).encode()

    return Prometheus(Settings(prometheus_url="http://prometheus:9090"), get)


@pytest.mark.parametrize("label", ["app", "namespace", "container"])
async def test_two_services_of_one_job_ask_for_a_selector(label: str) -> None:
    two = asked({"instance": "a-1", label: "gateway"}, {"instance": "b-1", label: "shop"})
    found = await two.range("http_requests_total", {}, NOW - 60, NOW)
    assert not found.found and found.fault is not None
    assert f"several services (label {label}) (gateway, shop)" in found.fault.message
    assert f"""selector = '{label}="gateway"'""" in (found.fault.remedy or "")


@pytest.mark.parametrize(
    "targets",
    [
        ({"instance": "a-1", "app": "gateway"}, {"instance": "a-2", "app": "gateway"}),
        ({"instance": "a-1"}, {"instance": "a-2"}),
        ({"instance": "a-1", "app": "gateway"}, {"instance": "a-2"}),  # a label that only one has tells nothing
        ({"instance": "a-1", "app": "x"}, {"instance": "a-1", "app": "y"}),  # a label of the metric, not of the target
    ],
)
async def test_replicas_of_one_service_are_added_up(targets: tuple[dict[str, str], ...]) -> None:
    found = await asked(*targets).range("http_requests_total", {}, NOW - 60, NOW)
    assert found.fault is None and len(found.found) == 2
