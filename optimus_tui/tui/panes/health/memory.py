"""The line of Redis' memory and other figures of INFO. Pure."""

from collections.abc import Iterator

from rich.cells import cell_len

from optimus_tui.contract.services import HealthReport, ServerState
from optimus_tui.tui.panes.health.lines import NOTE_AT, HealthLine, name_pieces, note_below
from optimus_tui.tui.theme import Piece
from optimus_tui.wording.numbers import age, compact, size
from optimus_tui.wording.safe import safe_text


def memory_lines(report: HealthReport, width: int, wall: float) -> Iterator[HealthLine]:
    """Yield the memory that Redis uses, and as many further figures as fit; nothing before it was read."""
    if report.server is None or report.server.value is None:
        return
    state: ServerState = report.server.value
    old = report.server.fault is not None
    line = name_pieces("memory")
    if state.info_fault is not None:
        yield HealthLine("memory", 0, [*line, ("? ", ""), (state.info_fault.message, "warn")])
        yield from note_below("memory", state.info_fault.remedy or "", width)
        return
    room = width - NOTE_AT
    parts = list(_memory_parts(state))
    if old:  # figures of before the outage: they say so first, and none of them is bright
        parts = [[(f"{age(wall - report.server.taken_at)} ago:", "")], *parts]
    for at, words_of in enumerate(parts):
        gap: list[Piece] = []
        if at:
            gap = [("   " if at > 1 or not old else " ", "")]
        pieces = [(words, "quiet" if old else style) for words, style in gap + words_of]
        room -= sum(cell_len(words) for words, _ in pieces)
        if room < 0:
            break
        line += pieces
    yield HealthLine("memory", 0, line)


def _memory_parts(state: ServerState) -> Iterator[list[Piece]]:
    used: list[Piece] = [(size(state.memory_used), "")]
    if state.memory_max:
        used.append((f" of {size(state.memory_max)}", "quiet"))
    yield used
    yield [("evicted ", "quiet"), (compact(state.evicted_keys), "")]
    yield [("clients ", "quiet"), (compact(state.clients), "")]
    if state.commands_per_second is not None:
        yield [(compact(round(state.commands_per_second)), ""), (" commands/s", "quiet")]
    if state.keys is not None:
        yield [(compact(state.keys), ""), (f" keys in db {state.db}", "quiet")]
    if state.uptime_seconds is not None:
        yield [("up ", "quiet"), (age(float(state.uptime_seconds)), "")]
    if state.memory_policy:
        yield [(safe_text(state.memory_policy, 30), "quiet")]
