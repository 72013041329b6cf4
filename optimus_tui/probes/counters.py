"""Read counters: one round trip for a hundred names. A bad key affects only its own row.

``dialects.values`` decides by the layout's rules what is sent for a name, and what the replies mean. A value that is no
number (a list, a word, 10^30) is a problem, never 0.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from redis.exceptions import NoPermissionError

from optimus_tui.clock import Clock
from optimus_tui.contract.cluster import NODE_AWAY
from optimus_tui.contract.keyspace import Counter, LimitRules
from optimus_tui.dialects.formulas import FOREIGN_NUMBER, NOT_A_NUMBER, NOT_READABLE, Failed, Value
from optimus_tui.dialects.layout import CounterName, KeyLayout, ParsedKey
from optimus_tui.dialects.model import LimitRule
from optimus_tui.dialects.template import Template
from optimus_tui.dialects.values import TIME, Command, Steps, read_value
from optimus_tui.dialects.windows import identity_of
from optimus_tui.probes.load_meter import LoadMeter
from optimus_tui.probes.redis.observer import ObserverRedis
from optimus_tui.probes.redis.parser import OF_A_NODE, ReplyTooLarge, is_wrong_type, natural_number, raise_general

__all__ = ["FOREIGN_NUMBER", "KEYS_A_TRIP", "NOT_A_NUMBER", "NOT_READABLE", "read_counters"]

KEYS_A_TRIP = 100
NAMES_KEPT = 4_000
"""Names that are not parsed again with each reading: twice as many as are read at once."""
LONGEST = 1_000
"""Bytes of a value that may still be a counter, where its neighbours were too large to be read."""
TOO_LARGE = b"?"
"""What stands for a value that is too large to be read: it is not a number."""
_ANY_NAME = CounterName(LimitRule(template=Template("{any...}")), {}, b"", b"")
"""For a name that no rule matches: its value is read as a count."""


async def read_counters(
    redis: ObserverRedis, own: LoadMeter, clock: Clock, names: Sequence[bytes], rules: LimitRules | None = None
) -> list[Counter | bytes]:
    """Return a Counter for each name that exists, in the order of ``names``.

    For a key that vanished or whose window has ended, the list holds only the name. What depends on the limits in force
    (``rules``), such as the window of a sorted set, is unknown without them, and ``lacks`` says so. ``own`` is counted
    by the client.

    Raises:
        OUTAGES: (``probes.faults``) the server is away or a right is missing for every key.
    """
    found: list[Counter | bytes] = []
    for start in range(0, len(names), KEYS_A_TRIP):
        found += await _read_some(redis, clock, names[start : start + KEYS_A_TRIP], rules)
    return found


async def _read_some(
    redis: ObserverRedis, clock: Clock, names: Sequence[bytes], rules: LimitRules | None
) -> list[Counter | bytes]:
    said = [_said(redis.layout, name) for name in names]
    readers = [read_value(name, one, rules) for name, (one, _) in zip(names, said, strict=True)]
    trips = _Trips(readers)
    values, mono, away = [Value(gone=True)] * len(names), 0.0, set[bytes]()
    while trips.asked:
        commands = trips.commands
        replies = await _ask(redis, commands)
        if not trips.turn:
            mono = clock.mono()
            _raise_general(commands, replies)
        asked = [(index, [replies[place] for place in places]) for index, places in trips.asked]
        away |= {names[index] for index, own in asked if any(isinstance(reply, OF_A_NODE) for reply in own)}
        for index, value in trips.answer([_plain(reply) for reply in replies]):
            values[index] = value
    for index, name in enumerate(names):
        if name in away:
            values[index] = Value(problem=NODE_AWAY)
    return [
        _counter(name, one, parsed, value, mono) for name, (one, parsed), value in zip(names, said, values, strict=True)
    ]


@lru_cache(maxsize=NAMES_KEPT)
def _said(layout: KeyLayout, key: bytes) -> tuple[CounterName, ParsedKey]:
    """Return what a name says and whose it is: the same names are read again and again."""
    return layout.counter(key) or _ANY_NAME, layout.parse(key)


class _Trips:
    """Runs readers side by side: ``commands`` of all of them make one round trip, with one TIME for all.

    ``asked`` says which of the replies each reader waits for.
    """

    def __init__(self, readers: Sequence[Steps]) -> None:
        self.turn = 0
        self._readers = readers
        self.commands: list[Command] = []
        self.asked: list[tuple[int, list[int]]] = []
        self._clock: int | None = None
        for index, reader in enumerate(readers):
            self._queue(index, next(reader))

    def _queue(self, index: int, wanted: Sequence[Command]) -> None:
        places = []
        for command in wanted:
            if command == TIME and self._clock is not None:
                places.append(self._clock)
                continue
            if command == TIME:
                self._clock = len(self.commands)
            places.append(len(self.commands))
            self.commands.append(command)
        self.asked.append((index, places))

    def answer(self, replies: Sequence[Any]) -> list[tuple[int, Value]]:
        """Give each reader its replies; return the values of those that are done, and queue what others ask next."""
        asked, self.asked, self.commands, self._clock = self.asked, [], [], None
        self.turn += 1
        done = []
        for index, places in asked:
            try:
                self._queue(index, self._readers[index].send([replies[place] for place in places]))
            except StopIteration as end:
                done.append((index, end.value))
        return done


async def _ask(redis: ObserverRedis, commands: Sequence[Command]) -> list[Any]:
    """Return the replies (or errors) to the commands; ``TOO_LARGE`` for a value that must not hide the others."""
    try:
        return await _send(redis, commands)
    except ReplyTooLarge:
        gets = [command[1] for command in commands if command[0] == "GET"]
        sizes = dict(zip(gets, await _send(redis, [("STRLEN", name) for name in gets]), strict=True))
        long = [command[0] == "GET" and _is_long(sizes[command[1]]) for command in commands]
        replies = iter(
            await _send_apart(redis, [one for one, left_out in zip(commands, long, strict=True) if not left_out])
        )
        return [TOO_LARGE if left_out else next(replies) for left_out in long]


def _is_long(size: object) -> bool:
    """Return whether a value is too long for a counter. Other types than strings count as short."""
    return isinstance(size, int) and size > LONGEST


async def _send(redis: ObserverRedis, commands: Sequence[Command]) -> list[Any]:
    pipe = redis.pipeline()
    for command in commands:
        pipe.execute_command(*command)
    replies: list[Any] = await pipe.execute(raise_on_error=False) if commands else []
    return replies


async def _send_apart(redis: ObserverRedis, commands: Sequence[Command]) -> list[Any]:
    """Send the commands, in halves where a reply is too large, until the one is found that it belongs to."""
    try:
        return await _send(redis, commands)
    except ReplyTooLarge:
        if len(commands) == 1:
            return [TOO_LARGE]
        half = len(commands) // 2
        return [*await _send_apart(redis, commands[:half]), *await _send_apart(redis, commands[half:])]


def _raise_general(commands: Sequence[Command], replies: Sequence[Any]) -> None:
    """Raise what concerns more than one key. The clock is not a key: the rows that need it say that it is missing."""
    columns: dict[bool, list[Any]] = {True: [], False: []}
    for command, reply in zip(commands, replies, strict=True):
        if command != TIME:
            columns[command[0] == "PTTL"].append(reply)
    for column in columns.values():
        raise_general(column)


def _plain(reply: Any) -> Any:
    """Return a reply as the readers know it, errors as ``Failed``."""
    if not isinstance(reply, Exception):
        return reply
    if is_wrong_type(reply):
        return Failed.WRONG_TYPE
    if isinstance(reply, NoPermissionError):
        return Failed.DENIED
    return Failed.OTHER


def _counter(key: bytes, name: CounterName, parsed: ParsedKey, value: Value, mono: float) -> Counter | bytes:
    if value.gone or value.over:
        return key
    endless = value.ttl_ms == -1
    stuck = name.rule.no_ttl == "stuck"
    return Counter(
        key=key,
        tenant=parsed.tenant,
        operation=parsed.operation,
        count=value.count,
        ttl_ms=natural_number(value.ttl_ms),
        immortal=endless and stuck,
        problem=value.problem,
        foreign=value.foreign,
        sliding=value.sliding,
        doubt=parsed.doubt,
        taken_mono=mono,
        limit=value.limit,
        window_seconds=value.window_seconds,
        left=value.left,
        left_least=value.left_least,
        lacks=value.lacks,
        resets_ms=value.resets_ms,
        ttl_is_reset=value.ttl_is_reset,
        no_ttl="" if stuck or not endless else name.rule.no_ttl,  # type: ignore[arg-type]
        blocked=value.blocked,
        counts_refused=name.rule.counts_refused and not value.stops,
        identity=identity_of(key, name),
        starts=value.starts,
    )
