"""A demo that really runs, for the files that play on it."""

from collections.abc import Iterator

from optimus_tui.demo.command import DemoHandle
from optimus_tui.settings.tuning import Tuning

QUICK = Tuning(metrics_every_seconds=0.5, counted_minutes=0.1, lately_minutes=0.3)
"""The loops look more often and judge shorter windows: what takes half a minute takes less in a test."""


def quiet_demo(patience: float, *, cluster: bool = False) -> Iterator[DemoHandle]:
    """Yield a demo whose services answer, and stop it; each step of its start may take ``patience`` seconds."""
    handle = DemoHandle("quiet", patience_seconds=120.0, cluster=cluster).start()
    try:
        while not (handle.ready or handle.failed):
            assert handle.changed.wait(patience), handle.progress
            handle.changed.clear()
        assert handle.failed is None
        yield handle
    finally:
        handle.stop()
