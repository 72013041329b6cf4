"""A real Prometheus whose past is written beforehand: blocks made by promtool from scripted processes."""

import contextlib
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.patience import PATIENCE
from tests.realserver import free_port
from tests.worlds.traffic import Process

STEP_SECONDS = 15

Target = tuple[Mapping[str, str], Process]
"""The labels that the scrape adds (job, instance), and the process that is scraped."""


def _open_metrics(targets: list[Target], minutes: float, now: float) -> str:
    """Every scrape of every target, as OpenMetrics text with timestamps."""
    families: dict[str, list[str]] = {}
    began = now - minutes * 60
    for labels, process in targets:
        extra = ",".join(f'{name}="{text}"' for name, text in labels.items())
        for step in range(int(minutes * 60 / STEP_SECONDS) + 1):
            t = step * STEP_SECONDS
            if not process.alive(t):
                continue
            for line in process.page(t, began).splitlines():
                if line.startswith("#"):
                    continue
                name, _, value = line.rpartition(" ")
                metric, _, inner = name.partition("{")
                inside = ",".join(part for part in (inner.removesuffix("}"), extra) if part)
                families.setdefault(metric, []).append(f"{metric}{{{inside}}} {value} {began + t:.3f}")
    blocks = [f"# TYPE {metric} unknown\n" + "\n".join(lines) for metric, lines in families.items()]
    return "\n".join([*blocks, "# EOF", ""])


@contextlib.contextmanager
def prometheus_that_scraped(targets: list[Target], minutes: float) -> Iterator[str]:
    """The URL of a Prometheus that has scraped these processes for so long, every 15 s. Their world began then."""
    home, port = Path(tempfile.mkdtemp(prefix="optimus-prom-")), free_port()
    (home / "past.txt").write_text(_open_metrics(targets, minutes, time.time()))
    (home / "prometheus.yml").write_text("global: {scrape_interval: 15s}\n")
    make = ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(home / "past.txt"), str(home / "data")]
    subprocess.run(make, check=True, capture_output=True)
    words = ["prometheus", f"--config.file={home}/prometheus.yml", f"--storage.tsdb.path={home}/data"]
    words += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url, deadline = f"http://127.0.0.1:{port}", time.monotonic() + PATIENCE
    try:
        while True:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/-/ready", timeout=1):
                break
            assert time.monotonic() < deadline, "prometheus did not become ready"
            time.sleep(0.05)
        yield url
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(home, ignore_errors=True)
