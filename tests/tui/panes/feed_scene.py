"""The feed pane on events of the test's own."""

import json
from typing import Any

from textual.pilot import Pilot

from optimus_tui.contract.keyspace import FeedBatch, FeedEvent, FeedGap, FeedItem, FeedStatus
from optimus_tui.tui.panes.feed.pane import FeedPane
from tests.fixed_clock import FixedClock
from tests.tui.pane_app import PaneApp, screen_lines
from tests.tui.pictures import MONO, SETTINGS, WALL

HOSTILE = [
    b"\x1b]52;c;aGk=\x07",
    b"\x1b[2J\x9d\x00\r\n\t",
    "\u202eevil\u2066\u200b".encode(),
    b"[/] [@click=app.quit]x[/]",
    b"\xff\xfe",
    b"[" * 5_000,
    b"9" * 5_000,
    b'{"type":"a","tenant_id":"b","x":"' + b"y" * 1_000_000 + b'"}',
    b'{"type":null,"tenant_id":{}}',
    b'{"type":"\\u001b[2J","tenant_id":"\\ud800x","key":"\\u0007"}',
    '{"type":"日本語","tenant_id":"テナント漢字漢字漢字","key":"漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字"}'.encode(),
    json.dumps({"type": "e" + "\u0301" * 200, "tenant_id": "a b  "}).encode(),
    b"NaN",
    b"",
]


def event(seq: int, payload: bytes | None = None, **more: Any) -> FeedEvent:
    """One event; without a payload a well-formed one of tenant t{seq % 3}."""
    facts = {"type": "conversation_updated", "tenant_id": f"t{seq % 3}", "timestamp": WALL, "key": f"k{seq}"}
    raw = json.dumps(facts).encode() if payload is None else payload
    given: dict[str, Any] = {
        "seq": seq,
        "received_at": WALL - 60 + seq,
        "channel": b"cache_coherence:events",
        "payload": raw[:4096],
        "length": len(raw),
    }
    return FeedEvent(**{**given, **more})


def events(first: int, last: int) -> tuple[FeedItem, ...]:
    return tuple(event(seq) for seq in range(first, last + 1))


def status(**more: Any) -> FeedStatus:
    given = {"state": "live", "received": 41_207, "rate": 38.0, "last_event_mono": MONO - 1, "verified_mono": MONO - 1}
    return FeedStatus(**{**given, **more})


GAP = FeedGap(seq=50, received_at=WALL, seconds=4.2, filled=6, reason="connection closed")


class Scene:
    def __init__(self, keep: int = 10_000) -> None:
        self.clock = FixedClock(WALL, MONO)
        self.pane = FeedPane(self.clock, SETTINGS, keep)
        self.pane.paints.seconds = 0.0
        self.app = PaneApp(self.pane)

    async def arrive(self, pilot: "Pilot[None]", items: tuple[FeedItem, ...] = (), **more: Any) -> None:
        self.pane.reading = FeedBatch(items=items, status=status(**more))
        await pilot.pause()

    def lines(self) -> list[str]:
        return screen_lines(self.app)

    def body(self) -> list[str]:
        """The rows in view, without the frame and the scroll bar."""
        return [line[:-5].rstrip() for line in self.lines()[2:-1]]

    def text(self) -> str:
        return "\n".join(self.lines())
