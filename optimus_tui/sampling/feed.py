"""The loop that fetches from the feed's reader what has arrived, up to ten times a second.

The reader drains its connection in a thread of its own, whatever happens here. Refuses to hand on an unchanged state
more often than once a second.
"""

from optimus_tui.context import Context
from optimus_tui.contract.feed import FeedStatus
from optimus_tui.sampling.beats import Beat
from optimus_tui.sampling.board import Board
from optimus_tui.verdicts import feed

EVERY_SECONDS = 0.1
QUIET_SECONDS = 0.25
"""While nothing arrives."""
STATUS_SECONDS = 1.0
BATCH_LIMIT = 1000


async def watch_feed(context: Context, board: Board, beat: Beat) -> None:
    """Start the reader, then drain it until cancelled. The context stops it when it is closed."""
    reader, clock = context.feed, context.clock
    reader.start()
    seq, told, state = 0, float("-inf"), ""
    while True:
        batch = reader.drain(seq, limit=BATCH_LIMIT)
        mono = clock.mono()
        if batch.items:
            seq = max(item.seq for item in batch.items)
        due = mono - told >= STATUS_SECONDS
        changed = batch.status.state != state
        if batch.items or due or changed:
            board.sink("feed", batch)
        if changed and state == "down" and batch.status.state == "live":
            board.back()
        if due or changed:
            _judge(board, batch.status, clock.wall(), mono)
            told, state = mono, batch.status.state
        await beat.rest(EVERY_SECONDS if batch.items else QUIET_SECONDS)


def _judge(board: Board, status: FeedStatus, wall: float, mono: float) -> None:
    board.settle("feed", feed.judge(status, wall=wall, mono=mono, thresholds=board.settings.thresholds))
