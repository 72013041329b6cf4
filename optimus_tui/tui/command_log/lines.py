"""The command log's lines, and the list of them: reads of one kind that came close together are one line.

A shell comment contains only fixed words of our own, because some shells execute what stands in a comment.
"""

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, NamedTuple, Protocol

from optimus_tui.probes.round_trips import Hidden, PollSummary, RoundTrip, Words, is_write, shape
from optimus_tui.settings.model import RedisTarget, Settings
from optimus_tui.tui.keys import MOVES, chosen
from optimus_tui.tui.widgets.cells import Cell, Column, Table, fit_cell, fit_name
from optimus_tui.tui.widgets.line_view import LineView
from optimus_tui.wording.numbers import clock, compact, latency
from optimus_tui.wording.safe import curl, redis_cli_any, safe_text

OPERATOR = "optimus-tui-operator"
"""The name of the connection that an action writes through."""
SAFE_METHODS = (b"GET", b"HEAD")
"""HTTP requests that only read."""
LOOK_BACK = 12
"""Lines among which a read finds the one of its kind."""
MOST_WORDS = 12
MOST_COPIED = 100
FIELDS = ("kind", "for", "outcome", "took", "text")


class LoggedCommand(NamedTuple):
    """One command of a line: its round trip, and its position there."""

    round_trip: RoundTrip
    at: int
    words: Words


class LogLine(Protocol):
    """A row of the log, of any kind."""

    @property
    def count(self) -> int:
        """Return how many commands the row stands for."""

    @property
    def key(self) -> object:
        """Return what identifies the row."""

    @property
    def label(self) -> str:
        """Return on whose behalf the commands were sent."""

    @property
    def last(self) -> RoundTrip:
        """Return the newest round trip."""

    @property
    def words(self) -> Words:
        """Return the command that the row shows."""

    @property
    def took_ms(self) -> float | None:
        """Return how many milliseconds it took; None without an answer."""

    def commands(self) -> Iterator[LoggedCommand]:
        """Return all commands that the row stands for."""

    def outcome(self) -> tuple[str, str]:
        """Return ``ok`` or what went wrong, and its style."""


STATUS_INKS = {True: "good", False: "crit"}
"""By whether an HTTP status, or none, is fine."""


class CommandRun:
    """Consecutive commands of one kind, sent for the same purpose."""

    def __init__(self, round_trip: RoundTrip, start: int, stop: int) -> None:
        self.parts = [(round_trip, start, stop)]
        shapes = dict.fromkeys(shape(words, round_trip.is_http) for words in round_trip.commands[start:stop])
        self.kind = (round_trip.behalf.label, round_trip.is_http, round_trip.sent, *shapes)
        self.mixed = ""
        if len(shapes) > 1:
            self.mixed = "+".join(command_words((name,)) for name, *_ in shapes)
        self.key = (round_trip.seq, start)
        self.label = round_trip.behalf.label
        self.count = stop - start

    @property
    def last(self) -> RoundTrip:
        """Return the newest round trip."""
        return self.parts[-1][0]

    @property
    def words(self) -> Words:
        """Return the first command."""
        round_trip, start, _ = self.parts[0]
        return round_trip.commands[start]

    @property
    def took_ms(self) -> float | None:
        """Return the total milliseconds of its round trips; None while none was answered."""
        timed = [round_trip.took_ms for round_trip, _, _ in self.parts if round_trip.took_ms is not None]
        if not timed:
            return None
        return sum(timed)

    @property
    def changes(self) -> bool:
        """Return True if it may change something."""
        if self.last.is_http:
            return self.words[0] not in SAFE_METHODS
        return is_write(self.words)

    def joined(self, other: "CommandRun") -> bool:
        """Add ``other`` if it is of the same kind.

        Return False for a command that may change something: it stays on a line of its own.
        """
        if other.kind != self.kind or self.changes:
            return False
        self.parts += other.parts
        self.count += other.count
        return True

    def forget(self, oldest: int) -> None:
        """Forget the round trips before number ``oldest``."""
        if self.parts[0][0].seq >= oldest:
            return
        self.parts = [part for part in self.parts if part[0].seq >= oldest]
        self.count = sum(stop - start for _, start, stop in self.parts)

    def commands(self) -> Iterator[LoggedCommand]:
        """Return the commands, the oldest first."""
        for round_trip, start, stop in self.parts:
            for at in range(start, stop):
                yield LoggedCommand(round_trip, at, round_trip.commands[at])

    def outcome(self) -> tuple[str, str]:
        """Return ``ok`` or what went wrong, and its style."""
        wrong, waiting, first = 0, False, ""
        for round_trip, start, stop in self.parts:
            if round_trip.answered >= stop and not round_trip.errors and (round_trip.status or 0) < 400:
                continue
            for at in range(start, stop):
                result = round_trip.outcome(at)
                waiting = waiting or result == "waiting"
                if result not in ("ok", "waiting"):
                    wrong, first = wrong + 1, first or result
        if wrong:
            if self.count > 1:
                first = f"{wrong:,} of {self.count:,}: {first}"
            return first, "crit"
        if waiting:
            return "waiting", "accent"
        status = self.last.status
        if status is None:
            return "ok", "good"
        return str(status), STATUS_INKS[status < 400]


class Polled:
    """A command that one source polls."""

    def __init__(self, summary: PollSummary) -> None:
        self.summary, self.key, self.label = summary, summary.key, summary.behalf.label

    @property
    def count(self) -> int:
        """Return how often it was sent since the start."""
        return self.summary.count

    @property
    def last(self) -> RoundTrip:
        """Return the newest round trip."""
        return self.summary.trip

    @property
    def words(self) -> Words:
        """Return the last command."""
        return self.summary.words

    @property
    def took_ms(self) -> float | None:
        """Return the milliseconds of the last round trip; None without an answer."""
        return self.summary.trip.took_ms

    def commands(self) -> Iterator[LoggedCommand]:
        """Return the last command."""
        yield LoggedCommand(self.summary.trip, 0, self.summary.words)

    def outcome(self) -> tuple[str, str]:
        """Return the outcome of the last one, with how many failed since the start, and its style."""
        round_trip = self.summary.trip
        now = round_trip.end or str(round_trip.status or "ok")
        if round_trip.took_ms is None and not round_trip.end:
            now = "waiting"
        if not self.summary.errors:
            return now, STATUS_INKS[(round_trip.status or 0) < 400]
        failed = f"{self.summary.errors:,} failed: {self.summary.error}"
        if now == "ok":
            return failed, "warn"
        return failed, "crit"


def runs_of(round_trip: RoundTrip) -> Iterator[CommandRun]:
    """Yield the commands of a round trip in runs of one kind; a few alternating kinds of reads are one run."""
    shapes = [shape(words, round_trip.is_http) for words in round_trip.commands]
    turns = [0, *(at for at in range(1, len(shapes)) if shapes[at] != shapes[at - 1])]
    if len(turns) > 2 * len(set(shapes)) and not any(map(is_write, round_trip.commands)):
        turns = [0]
    for start, stop in zip(turns, [*turns[1:], len(shapes)], strict=True):
        yield CommandRun(round_trip, start, stop)


def add_run(runs: list[CommandRun], run: CommandRun) -> None:
    """Add a run as the newest, joined with a run of its kind among the last few reads for the same purpose.

    A repeated check sends the same kinds of reads in turn. Each kind is one line, which moves to the top again.
    """
    for at in range(len(runs) - 1, max(-1, len(runs) - 1 - LOOK_BACK), -1):
        before = runs[at]
        if before.label != run.label or before.changes:
            break
        if before.joined(run):
            runs.append(runs.pop(at))
            return
    runs.append(run)


def kind_of(line: LogLine) -> tuple[str, str]:
    """Return ``read``, ``WRITE``, ``http``, or ``outside`` for what was done outside of this program; and its style."""
    if line.last.is_http:
        return "http", "accent"
    if line.last.outside:
        return "outside", "warn"
    if is_write(line.words):
        return "WRITE", "warn"
    return "read", "quiet"


def line_words(line: LogLine) -> str:
    """Return a row's first command, with the names of all kinds of commands in the row."""
    if isinstance(line, CommandRun) and line.mixed:
        return f"{line.mixed} {command_words(line.words[1:])}"
    return command_words(line.words)


def command_words(words: Words) -> str:
    """Return a command in safe words, clearly separated; a long one is shortened."""
    shown = [_word(word) for word in words[:MOST_WORDS]]
    more = len(words) - len(shown)
    if more:
        shown.append(f"… {more:,} more")
    return " ".join(shown)


def _word(word: bytes | Hidden) -> str:
    if isinstance(word, Hidden):
        return f"‹{word}›"
    text = safe_text(word, 200)
    if len(word) > 200:
        text = safe_text(word, 40)
    if not text or " " in text or '"' in text:
        return f'"{text}"'
    return text


def fields(line: LogLine) -> dict[str, str | float | None]:
    """Return the fields that a filter can use; in a row with many commands, only the first ones count."""
    outcome = line.outcome()[0]
    texts = [command_words(command.words) for command, _ in zip(line.commands(), range(1_000), strict=False)]
    took = line.took_ms and line.took_ms / 1000
    kind = kind_of(line)[0]
    text = " ".join([kind, line.label, outcome, *texts])
    return {"kind": kind.lower(), "for": line.label, "outcome": outcome, "took": took, "text": text}


# -- to paste


def pasted(command: LoggedCommand, settings: Settings) -> str:
    """Return a shell line that sends a command again, or a shell comment that says why there is none."""
    round_trip, words = command.round_trip, command.words
    name = command_words(words[:1])
    if not (name.isascii() and name.isalnum()):
        name = "it"
    if round_trip.outside:
        return "# not copied: it was done outside of this program, by a command that is typed in it"
    if not round_trip.sent and not round_trip.is_http:
        return f"# {name}: not copied, it was refused and never sent"
    plain = [word for word in words if isinstance(word, bytes)]
    if len(plain) < len(words) or isinstance(round_trip.body, Hidden):
        return f"# {name}: not copied, a part of it is not kept"
    try:
        if round_trip.is_http:
            return curl(
                plain[1].decode("ascii", "replace"), *round_trip.headers, method=name, body=round_trip.body or b""
            )
        return redis_cli_any(_target(round_trip, settings), plain)
    except ValueError:
        return f"# {name}: not copied, it holds a NUL byte"


def _target(round_trip: RoundTrip, settings: Settings) -> RedisTarget:
    if round_trip.client == OPERATOR and settings.operator_redis is not None:
        return settings.operator_redis
    return settings.redis


def to_paste(line: LogLine, settings: Settings) -> str:
    """Return a row's commands as shell lines, the first hundred of them."""
    lines = [pasted(command, settings) for command, _ in zip(line.commands(), range(MOST_COPIED), strict=False)]
    more = line.count - len(lines)
    if more and isinstance(line, CommandRun):
        lines.append(f"# {more} more are not copied: the export has them")
    return "\n".join(lines)


def exported(lines: Iterable[LogLine], settings: Settings) -> list[str]:
    """Return one line of text for each command. It is not a script: each line begins with its time."""
    texts = []
    for line in lines:
        kind = kind_of(line)[0]
        for round_trip, at, words in line.commands():
            outcome, times = round_trip.outcome(at), "×1"
            if isinstance(line, Polled):
                outcome, times = line.outcome()[0], f"×{line.count}"
            when = f"{clock(round_trip.wall, dated=True)}Z"
            parts = (when, kind, outcome, latency(round_trip.took_ms), times, line.label or "-")
            texts.append("\t".join([*parts, pasted(LoggedCommand(round_trip, at, words), settings)]))
    return texts


def _time(line: LogLine, _: int) -> Cell:
    return clock(line.last.wall), "quiet"


def _command(line: LogLine, cells: int) -> Cell:
    return [(fit_name(line_words(line), cells), "bright" if kind_of(line)[0] in ("WRITE", "outside") else "")]


def _for(line: LogLine, cells: int) -> Cell:
    return [(fit_name(safe_text(line.label, 200) or "–", cells), "quiet")]


def _outcome(line: LogLine, cells: int) -> Cell:
    words, style = line.outcome()
    return [(fit_cell(words, cells), style)]


def _took(line: LogLine, _: int) -> Cell:
    return latency(line.took_ms), "quiet"


def _times(line: LogLine, _: int) -> Cell:
    return f"×{compact(line.count)}" if line.count > 1 else "", ""


ASKED = Table[LogLine](
    Column("time", "time", 8, _time, measured=True),
    Column("kind", "kind", 7, lambda line, _: kind_of(line), measured=True),
    Column("command", "command", 16, _command, grow=5, most=400, measured=True, fair=36),
    Column("for", "for", 10, _for, grow=2, most=60, measured=True, rank=2),
    Column("outcome", "outcome", 8, _outcome, grow=5, most=60, measured=True),
    Column("ms", "took", 9, _took, "right", measured=True),
    Column("times", "×", 6, _times, "right", measured=True, rank=1),
)
POLLED = Table[LogLine](
    Column("for", "source", 6, _for, grow=1, most=30, measured=True),
    Column("command", "last command", 16, _command, grow=4, most=400, measured=True, fair=36),
    Column("outcome", "outcome", 8, _outcome, grow=4, most=60, measured=True),
    Column("ms", "took", 9, _took, "right", measured=True),
    Column("times", "×", 6, _times, "right", measured=True, rank=1),
    Column("apart", "", 0, lambda line, _: ("", ""), rank=2),
    Column("time", "last at", 8, _time, measured=True, rank=2),
)


class LogList(LineView):
    """The list of lines, the newest first, or of polls by source."""

    BINDINGS: ClassVar[Any] = chosen(*MOVES, "pane.copy")
    opens = "screen.detail"
    table = ASKED

    def __init__(self) -> None:
        super().__init__(id="log")
        self.empty: list[str] = []
        """What stands in an empty list."""

    def key_of(self, row: LogLine) -> Any:
        """Identify a line by what was asked for."""
        return row.key

    def empty_lines(self) -> list[str]:
        """Return why there is no line."""
        return self.empty

    def action_copy(self) -> None:
        """Copy the line in a form that can be pasted."""
        self.call_later(self.app.run_action, "screen.copy_line", self)
