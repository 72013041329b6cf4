"""A demo that really runs, for the files that play on it."""

from collections.abc import Iterator

import pytest

from optimus_tui.demo.command import DemoHandle


def quiet_demo(patience: float, patience_seconds: float = 120.0) -> Iterator[DemoHandle]:
    """Yield a demo whose services answer, and stop it; each step of its start may take ``patience`` seconds.

    ``patience_seconds``: how long each of its orders may take.
    """
    handle = DemoHandle("quiet", patience_seconds=patience_seconds).start()
    try:
        while not (handle.ready or handle.failed):
            assert handle.changed.wait(patience), handle.progress
            handle.changed.clear()
        assert handle.failed is None
        yield handle
    finally:
        handle.stop()


def look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the loops look more often and judge shorter windows: what takes half a minute takes less in a test."""
    monkeypatch.setattr("optimus_tui.sampling.sampler.METRICS_EVERY_SECONDS", 0.5)
    monkeypatch.setattr("optimus_tui.tools.troubleshoot.evidence.COUNTED_MINUTES", 0.1)
    monkeypatch.setattr("optimus_tui.tools.figures.gateway_figures.LATELY_MINUTES", 0.3)
