"""A demo that really runs, for the files that play on it."""

from collections.abc import Iterator

import psutil

from optimus_tui.contract.cluster import Topology
from optimus_tui.demo.command import DemoHandle
from optimus_tui.settings.tuning import Tuning

QUICK = Tuning(metrics_every_seconds=0.5, counted_minutes=0.1, lately_minutes=0.3)
"""The loops look more often and judge shorter windows: what takes half a minute takes less in a test."""


def quiet_demo(patience: float, *, topology: Topology = "single") -> Iterator[DemoHandle]:
    """Yield a demo whose services answer, and stop it; each step of its start may take ``patience`` seconds."""
    handle = DemoHandle("quiet", patience_seconds=120.0, topology=topology).start()
    try:
        while not (handle.ready or handle.failed):
            assert handle.changed.wait(patience), handle.progress
            handle.changed.clear()
        assert handle.failed is None
        yield handle
    finally:
        handle.stop()


def serving(port: int) -> list[psutil.Process]:
    """The servers and sentinels at this port of this machine, by the title that they give themselves."""
    return [
        one
        for one in psutil.process_iter(["cmdline"])
        if f"127.0.0.1:{port}" in (title := " ".join(one.info["cmdline"] or ())) and "-server" in title.split(" ")[0]
    ]
