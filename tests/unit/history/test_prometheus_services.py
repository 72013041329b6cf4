"""Targets of one job that a label tells apart as different services are not added up; replicas of one service are."""

import json

import pytest

from optimus_tui.contract.reading import Fault
from optimus_tui.history.samples.prometheus import Prometheus
from optimus_tui.settings.model import Settings

NOW = 1_795_000_000.0


def asked(*targets: dict[str, str]) -> Prometheus:
    """A Prometheus that holds a counter of these targets, each two samples long."""
    result = [
        {
            "metric": {"__name__": "http_requests_total", "job": "pods", "status": "200", **labels},  # type: ignore[dict-item]
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


async def test_two_servers_that_scraped_the_same_targets_count_once() -> None:
    both = [{"instance": one, "prometheus_replica": name} for one in ("a-1", "a-2") for name in ("p-0", "p-1")]
    found = await asked(*both).range("http_requests_total", {}, NOW - 60, NOW)
    assert found.fault is None and sorted(one.target[1] for one in found.found) == ["a-1", "a-2"]
    assert all("prometheus_replica" not in one.labels for one in found.found)


async def test_a_metric_that_only_another_job_publishes_is_not_the_gateways() -> None:
    def series(name: str, instance: str) -> dict[str, object]:
        labels = {"__name__": name, "job": "shop" if instance == "s-1" else "gateway", "instance": instance}
        return {"metric": labels, "values": [[NOW - 15, "10"], [NOW, "20"]]}

    async def get(url: str, seconds: float, most: int) -> tuple[int, bytes] | Fault:
        requests = [series("http_requests_total", one) for one in ("localhost:8020", "s-1")]
        result = requests if "http_requests_total" in url else [series("cache_hits_total", "s-1")]
        return 200, json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}).encode()

    one = Prometheus(Settings(prometheus_url="http://prometheus:9090", gateway_url="http://localhost:8020"), get)
    assert (await one.range("cache_hits_total", {}, NOW - 60, NOW)).found == ()
    two = Prometheus(Settings(prometheus_url="http://prometheus:9090", gateway_url="http://elsewhere:8020"), get)
    fault = (await two.range("cache_hits_total", {}, NOW - 60, NOW)).fault
    assert fault is not None and "several jobs (gateway, shop)" in fault.message


async def test_every_configured_address_of_the_gateway_is_used() -> None:
    both = asked(
        {"instance": "a:1", "job": "one"}, {"instance": "b:1", "job": "two"}, {"instance": "c:1", "job": "shop"}
    )
    both._instances = {"a:1", "b:1"}
    found = await both.range("http_requests_total", {}, NOW - 60, NOW)
    assert sorted(one.target[1] for one in found.found) == ["a:1", "b:1"]
