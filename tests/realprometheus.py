"""A real Prometheus on a loopback port that scrapes what a test serves, several times a second."""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

from tests.patience import PATIENCE
from tests.realserver import free_port

CONFIG = """
global: {{scrape_interval: 400ms, scrape_timeout: 400ms}}
scrape_configs:
  - job_name: gateway
    static_configs: [{{targets: ["{target}"]}}]
  - job_name: prometheus
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""
ANOTHER = """  - job_name: {job}
    static_configs: [{{targets: ["{target}"]}}]
"""


def prometheus_binary() -> str | None:
    """The binary to run, or None when this machine has none. OPTIMUS_TEST_PROMETHEUS overrides."""
    return os.environ.get("OPTIMUS_TEST_PROMETHEUS") or shutil.which("prometheus")


class RealPrometheus:
    """Started on construction; ``stop`` ends it and removes its data."""

    def __init__(self, binary: str, target: str, **others: str) -> None:
        """``others`` are further jobs with one target each."""
        self.port, self.dir = free_port(), Path(tempfile.mkdtemp(prefix="optimus-prom-"))
        config = CONFIG.format(target=target, port=self.port)
        config += "".join(ANOTHER.format(job=job, target=other) for job, other in others.items())
        (self.dir / "prometheus.yml").write_text(config)
        words = [f"--config.file={self.dir}/prometheus.yml", f"--storage.tsdb.path={self.dir}/data"]
        words += [f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=error"]
        self.process = subprocess.Popen([binary, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.url}/-/ready", timeout=1):
                return
            time.sleep(0.05)
        self.stop()
        raise RuntimeError(f"{binary} did not become ready")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)
