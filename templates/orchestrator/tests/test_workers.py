"""Several workers are one gateway: whichever of them answers, the metrics are those of all."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from conftest import free_port
from prometheus_client.parser import text_string_to_metric_families

from backend.utils import workers

SOURCE = Path(__file__).parents[1] / "src"
OPTIONS = ["--workers", "2", "--no-access-log", "--log-level", "warning"]


@pytest.fixture
def gateway_of_two(redis_url: str | None, tmp_path: Path) -> Iterator[str]:
    """Start a gateway of two workers, and give its address."""
    port = free_port()
    environment = os.environ | {
        "PYTHONPATH": str(SOURCE),
        "TMPDIR": str(tmp_path),
        "REDIS_URL": redis_url or f"redis://127.0.0.1:{free_port()}/0",
        "LOG_LEVEL": "ERROR",
    }
    environment.pop(workers.VARIABLE, None)
    command = [sys.executable, "-m", "uvicorn", "backend.app:app", "--port", str(port), *OPTIONS]
    process = subprocess.Popen(command, env=environment)  # noqa: S603
    address = f"http://127.0.0.1:{port}"
    until(lambda: answers(address))
    yield address
    process.terminate()
    process.wait(20)


def until(holds: Callable[[], bool]) -> None:
    for _ in range(600):
        if holds():
            return
        time.sleep(0.1)
    raise AssertionError("it did not become so within a minute")


def answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/health").status_code == 200
    except httpx.TransportError:
        return False


def counted(address: str) -> dict[str, float]:
    """Return the requests without a tenant, and what is told of the processes."""
    families = text_string_to_metric_families(httpx.get(f"{address}/metrics").text)
    samples = [sample for family in families for sample in family.samples]
    refused = [
        one.value for one in samples if one.labels.get("route") == "/api/profile" and "status" in one.labels
    ]
    of_processes = {one.name: one.value for one in samples if one.name.startswith("process_")}
    return {"refused": sum(refused), **of_processes}


def test_either_worker_tells_what_both_counted_also_after_one_died(
    gateway_of_two: str, tmp_path: Path
) -> None:
    for _ in range(20):
        assert httpx.get(f"{gateway_of_two}/api/profile").status_code == 400
    tellings = [counted(gateway_of_two) for _ in range(10)]
    assert {telling["refused"] for telling in tellings} == {20}
    assert len({telling["process_start_time_seconds"] for telling in tellings}) == 1
    assert all(telling["process_resident_memory_bytes"] > 10_000_000 for telling in tellings)
    (directory,) = tmp_path.glob("backend-metrics-*")
    first, second = workers.worker_ids(str(directory))
    os.kill(first, signal.SIGKILL)
    until(lambda: len(set(workers.worker_ids(str(directory))) - {first}) == 2)
    assert counted(gateway_of_two)["refused"] == 20
    assert not list(Path(directory).glob(f"gauge_live*_{first}.db"))
    assert second in workers.worker_ids(str(directory))


def test_one_process_shares_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(workers.VARIABLE, raising=False)
    assert workers.share_metrics() is None


def test_what_a_dead_gateway_left_is_removed_and_a_place_that_is_named_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(workers.VARIABLE, raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left = tmp_path / f"{workers._PREFIX}{os.getpid()}-1"
    left.mkdir()
    monkeypatch.setattr("multiprocessing.parent_process", _Parent)
    made = workers.share_metrics()
    assert made is not None
    assert Path(made).stat().st_mode & 0o777 == 0o700
    assert not left.exists()
    monkeypatch.setenv(workers.VARIABLE, str(tmp_path / "named"))
    assert workers.share_metrics() == str(tmp_path / "named")


class _Parent:
    pid = os.getppid()
