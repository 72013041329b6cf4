"""The log of everything that was sent to Redis and HTTP services, for the operator: bounded, cheap, without secrets.

Commands that a person caused are kept one by one until newer ones take their place; the polls of the panes are
summarised in one line per command and source. Passwords, the values of SET, headers that are not listed here and very
large commands are not kept. A command is never logged as sent before it was.
"""

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

from optimus_tui.clock import Clock
from optimus_tui.probes.redis.commands import BY_TYPE, CORE, Word
from optimus_tui.settings.tuning import TUNING, Tuning
from optimus_tui.wording.safe import safe_text

LARGEST = 64 * 1024
"""Bytes of one command that is kept whole."""
MOST_FOLDS = 500
BODY = 4 * 1024
HEADERS = (b"content-type", b"x-tenant-id")
"""The request headers that may be kept."""

_READS = {name.partition("|")[0].upper().encode() for name in CORE | BY_TYPE} | {
    b"WATCH", b"UNWATCH", b"MULTI", b"EXEC", b"DISCARD", b"WAIT",
}  # fmt: skip
_PARENTS = {name.partition("|")[0].upper().encode() for name in CORE if "|" in name} | {b"EVAL_RO"}
_LOGINS = (b"AUTH", b"HELLO")
_ELIDED = {*_LOGINS, b"SET"}


class Hidden(str):
    """The placeholder of a word that is not kept; its text says what it was."""

    __slots__ = ()


Words = tuple[bytes | Hidden, ...]


class Behalf(NamedTuple):
    """The source on whose behalf something is sent: a poll, or a person's request."""

    label: str
    poll: bool = False


_BEHALF: ContextVar[Behalf] = ContextVar("behalf", default=Behalf(""))  # noqa: B039 - a tuple of a text and a flag


@contextmanager
def attributed_to(label: str, *, poll: bool = False) -> Iterator[None]:
    """Attribute what this task, its children and ``to_thread`` send to ``label``; nested labels are joined."""
    outer = _BEHALF.get()
    joined = outer.label not in ("", label) and not poll
    inner = Behalf(f"{outer.label} › {label}" if joined else label, poll or outer.poll)
    before = _BEHALF.set(inner)
    try:
        yield
    finally:
        _BEHALF.reset(before)


class RoundTrip:
    """Commands that were sent together, and their results. ``commands`` is empty for a poll: its ``folds`` count it.

    ``took_ms`` runs from the writing to the last reply (HTTP: to the status line). ``end`` says in safe text why there
    is no further answer; ``sent`` is False for what was refused before the socket.
    """

    seq = answered = size = 0
    commands: tuple[Words, ...] = ()
    folds: "Sequence[PollSummary]" = ()
    errors: dict[int, str] | None = None
    took_ms: float | None = None
    end = ""
    sent = True
    outside = False
    """True for what was done outside of this program on somebody's order: its one command is what was typed."""
    client = ""
    """The connection's name."""
    status: int | None = None
    headers: tuple[tuple[str, bytes], ...] = ()
    body: bytes | Hidden | None = None

    def __init__(self, behalf: Behalf, count: int, clock: Clock) -> None:
        self.behalf, self.count, self._mono = behalf, count, clock.mono
        self.wall, self.mono = clock.wall(), clock.mono()

    @property
    def is_http(self) -> bool:
        """Return whether this is an HTTP request, whose one command is method and URL."""
        return self.body is not None

    def answer(self, error: BaseException | str | None = None) -> bool:
        """Record one more reply; return True with the last one."""
        at = self.answered
        self.answered = at + 1
        if error is not None:
            self._note(at, error)
        if self.answered < self.count:
            return False
        self.took_ms = (self._mono() - self.mono) * 1000
        return True

    def lose(self, why: str) -> None:
        """Record that no further answer comes. ``why`` is safe text of our own."""
        for fold in self.folds[self.answered : self.answered + 1]:
            fold.errors, fold.error = fold.errors + (not self.end), why
        self.end = why

    def outcome(self, at: int) -> str:
        """Return ``ok``, the HTTP status, ``waiting``, or what went wrong with command ``at``."""
        if self.errors and at in self.errors:
            return self.errors[at]
        if at < self.answered:
            if self.status is None:
                return "ok"
            return str(self.status)
        return self.end or "waiting"

    def _note(self, at: int, error: BaseException | str) -> None:
        message = safe_text(error, 160)
        if self.folds:
            fold = self.folds[at]
            words = fold.words
        else:
            fold, words = None, self.commands[at]
        if words[0].upper() in _LOGINS:  # a server may repeat what it did not understand
            message = message.partition(" ")[0]
        if fold is not None:
            fold.errors, fold.error = fold.errors + 1, message
        else:
            self.errors = {**(self.errors or {}), at: message}


class PollSummary:
    """All polls of one source with one command. ``words`` and ``trip`` are those of the latest poll."""

    __slots__ = ("behalf", "count", "error", "errors", "key", "trip", "words")

    def __init__(self, key: object, behalf: Behalf) -> None:
        self.key, self.behalf = key, behalf
        self.count = self.errors = 0
        self.error = ""
        self.words: Words = ()
        self.trip: RoundTrip


class CommandLog:
    """The command log of one context, shared by its connections and threads. Without ``keep`` nothing is stored."""

    def __init__(self, clock: Clock | None = None, keep: bool = True, tuning: Tuning = TUNING) -> None:
        self._clock, self._keeps, self._tuning = clock or Clock(), keep, tuning
        self._lock = threading.Lock()
        self._trips: deque[RoundTrip] = deque()
        self._folds: dict[object, PollSummary] = {}
        self._seq = self._commands = self._bytes = 0
        self.dropped = 0
        """Kept commands that were dropped for newer ones."""

    def sent(self, commands: Sequence[Sequence[Word]]) -> RoundTrip:
        """Record commands that are being written to a socket together."""
        trip = RoundTrip(_BEHALF.get(), len(commands), self._clock)
        if trip.behalf.poll and self._keeps:
            self._fold(trip, commands)
        elif commands:
            trip.commands = tuple([kept(words) for words in commands])
            self._keep(trip)
        return trip

    def refused(self, words: Sequence[Word], why: object) -> None:
        """Record a command that was refused before it was sent. That is a bug, so it is kept, even from a poll."""
        trip = RoundTrip(_BEHALF.get(), 1, self._clock)
        trip.sent, trip.end = False, f"refused, never sent: {safe_text(why, 120)}"
        trip.commands = (kept(words or (b"",)),)
        self._keep(trip)

    def ordered(self, words: Sequence[Word], label: str) -> RoundTrip:
        """Record what is being done outside of this program; its ``answer`` has the result.

        Args:
            words: The command that stands for it.
            label: What it is, and who asked for it, as safe text.
        """
        trip = RoundTrip(Behalf(label), 1, self._clock)
        trip.outside, trip.commands = True, (kept(words),)
        self._keep(trip)
        return trip

    def requested(
        self, method: bytes, url: bytes, headers: Sequence[tuple[bytes, bytes]] = (), body: bytes = b""
    ) -> RoundTrip:
        """Record an HTTP request that is sent now. ``url`` holds no user and no password."""
        trip = RoundTrip(_BEHALF.get(), 1, self._clock)
        trip.headers = tuple((name.decode("latin-1"), value) for name, value in headers if name.lower() in HEADERS)
        trip.body = body
        if len(body) > BODY:
            trip.body = Hidden(f"{len(body):,} bytes")
        if trip.behalf.poll and self._keeps:
            self._fold(trip, ((method, url),), http=True)
        else:
            trip.commands = ((method, url),)
            self._keep(trip)
        return trip

    def since(self, seq: int = 0) -> tuple[list[RoundTrip], int]:
        """Return the trips after number ``seq``, oldest first, and the number of the oldest that is still kept."""
        with self._lock:
            oldest = self._trips[0].seq if self._trips else self._seq + 1
            new = []
            for trip in reversed(self._trips):
                if trip.seq <= seq:
                    break
                new.append(trip)
        return new[::-1], oldest

    def polls(self) -> list[PollSummary]:
        """Return the summaries of polls, by source and command."""
        with self._lock:
            return sorted(self._folds.values(), key=lambda fold: (fold.behalf.label, fold.words[:1]))

    # -- keeping ---------------------------------------------------------------------------------------------------

    def _keep(self, trip: RoundTrip) -> None:
        if not self._keeps:
            return
        most = self._tuning
        trip.size = sum([sum(map(len, words)) + 64 * len(words) for words in trip.commands]) + BODY * trip.is_http
        with self._lock:
            self._seq += 1
            trip.seq = self._seq
            self._trips.append(trip)
            self._commands += trip.count
            self._bytes += trip.size
            while len(self._trips) > 1 and (
                len(self._trips) > most.most_trips
                or self._commands > most.most_logged_commands
                or self._bytes > most.most_logged_bytes
            ):
                gone = self._trips.popleft()
                self._commands -= gone.count
                self._bytes -= gone.size
                self.dropped += gone.count

    def _fold(self, trip: RoundTrip, commands: Sequence[Sequence[Word]], http: bool = False) -> None:
        label, folds = trip.behalf.label, []
        last: dict[PollSummary, Sequence[Word]] = {}
        with self._lock:
            for words in commands:
                key = (label, *shape(words, http))
                fold = self._folds.get(key)
                if fold is None:
                    fold = self._folds[key] = PollSummary(key, trip.behalf)
                    if len(self._folds) > MOST_FOLDS:
                        del self._folds[next(iter(self._folds))]
                fold.count += 1
                folds.append(fold)
                last[fold] = words
            trip.folds = folds
            for fold, words in last.items():
                fold.words, fold.trip = kept(words), trip


def shape(words: Sequence[Any], http: bool = False) -> tuple[Any, ...]:
    """Return what identifies a kind of command: the name with its subcommand, or a request's address."""
    if http:
        return (words[0], words[1].partition(b"?")[0])
    if words[0] in _PARENTS:
        return tuple(words[:2])
    return (words[0],)


def is_write(words: Words) -> bool:
    """Return whether a command can change something; a command not known to be harmless can."""
    return words[0].upper() not in _READS


def kept(words: Sequence[Word]) -> Words:
    """Return the words of a command that may be kept, as bytes: without logins, values, and very large words."""
    plain = tuple([word if type(word) is bytes else _as_bytes(word) for word in words])
    name = plain[0].upper()
    if name in _ELIDED:
        return _elided(name, plain)
    if (size := sum(map(len, plain))) > LARGEST:
        return (plain[0], Hidden(f"{len(plain) - 1:,} words of {size:,} bytes"))
    return plain


def _elided(name: bytes, words: tuple[bytes, ...]) -> Words:
    if name == b"AUTH":
        return (words[0], Hidden("login"))
    if name == b"HELLO":
        if len(words) > 2:
            return (*words[:2], Hidden("login"))
        return words
    return (*words[:2], *(Hidden(f"{len(value):,} bytes") for value in words[2:3]), *words[3:])


def _as_bytes(word: Word) -> bytes:
    if isinstance(word, str):
        return word.encode("utf-8", "surrogateescape")
    if isinstance(word, (bytes, bytearray, memoryview)):
        return bytes(word)
    return str(word).encode()
