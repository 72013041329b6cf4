"""A started feed reader and what the tests of the feed ask of it."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from importlib import import_module

from optimus_tui.clock import Clock
from optimus_tui.contract.keyspace import FeedBatch, FeedGap, FeedStatus
from optimus_tui.dialects.layout import KeyLayout
from optimus_tui.probes.events.feed import FeedReader
from optimus_tui.probes.load_meter import LoadMeter
from optimus_tui.settings.model import RedisTarget
from tests.patience import PATIENCE

import_module("optimus_tui.probes.faults")  # as in the running dashboard, where the other probes have loaded it
Watch = Callable[..., "Feed"]


class Feed:
    """A started reader and what a test asks of it."""

    def __init__(self, target: RedisTarget, keep: int = 10_000, layout: KeyLayout | None = None) -> None:
        self.own = LoadMeter()
        self.reader = FeedReader(target, self.own, Clock(), keep=keep, layout=layout)
        self.reader.start()

    @property
    def status(self) -> FeedStatus:
        return self.reader.drain(limit=0).status

    def until(self, what: Callable[[FeedBatch], object], seconds: float = PATIENCE) -> None:
        """Wait until ``what`` holds."""
        started = time.monotonic()
        while not what(batch := self.reader.drain()):
            assert time.monotonic() - started < seconds, f"not within {seconds} s: {batch.status}"
            time.sleep(0.005)

    def until_state(self, state: str, seconds: float = PATIENCE) -> None:
        self.until(lambda batch: batch.status.state == state, seconds)

    def until_gaps(self, number: int) -> list[FeedGap]:
        self.until(lambda batch: batch.status.gaps >= number)
        return [item for item in self.reader.drain().items if isinstance(item, FeedGap)]


def watching() -> Iterator[Watch]:
    """The body of a fixture: makes readers and ends them, and sees that their threads are gone."""
    feeds: list[Feed] = []

    def make(port: int = 0, keep: int = 10_000, layout: KeyLayout | None = None, **target: object) -> Feed:
        feeds.append(Feed(RedisTarget(**{"host": "127.0.0.1", "port": port} | target), keep, layout))  # type: ignore[arg-type]
        return feeds[-1]

    yield make
    for feed in feeds:
        feed.reader.stop()
    assert not [thread for thread in threading.enumerate() if thread.name == "optimus-feed"]


def event(number: int, claimed: float | None = None) -> str:
    moment = time.time() if claimed is None else claimed
    return json.dumps({"type": "updated", "tenant_id": "t", "timestamp": moment, "n": number})
