"""Read the server's slow log and latency events in one round trip. Ages are by the server's clock.

Arguments of slow calls hold tenants' data, so only the command's name is returned. Calls of this program are left out,
by the name of their connection or by their script.
"""

from msgspec import Struct
from redis.exceptions import NoPermissionError

from optimus_tui.contract.reading import Fault
from optimus_tui.contract.server_condition import LatencyEvent, SlowCall, SlowState
from optimus_tui.probes.faults import OUTAGES, fault_of
from optimus_tui.probes.redis.client import ObserverRedis
from optimus_tui.probes.redis.replies import items_of
from optimus_tui.probes.redis.scripts import SWEEP_PAGE
from optimus_tui.settings.model import RedisTarget
from optimus_tui.wording.safe import safe_text

ENTRIES = 128
"""The number of entries that a server keeps by default."""
OWN_NAME = b"optimus-tui"
_OWN_SCRIPT = SWEEP_PAGE[:48]


class _Entry(Struct, frozen=True):
    at: int
    micros: int
    word: str
    address: bytes
    own: bool


async def read_slowlog(redis: ObserverRedis, target: RedisTarget) -> SlowState | Fault:
    """Return the newest entries of both; a Fault where the server is away. A missing right affects only its half."""
    pipe = redis.pipeline()
    pipe.execute_command("TIME")
    pipe.execute_command("SLOWLOG", "LEN")
    pipe.execute_command("SLOWLOG", "GET", ENTRIES)
    pipe.execute_command("LATENCY", "LATEST")
    try:
        time, length, entries, events = await pipe.execute(raise_on_error=False)
    except OUTAGES as error:
        return fault_of(error, target)
    now = _now(time)
    others, own = _entries(entries)
    return SlowState(
        logged=max(len(others), length - own) if isinstance(length, int) else None,
        own=own,
        calls=_calls(others, now),
        events=_events(events, now),
        calls_fault=_fault(entries, target) or _no_clock(time, target),
        events_fault=_fault(events, target) or _no_clock(time, target),
    )


def _fault(reply: object, target: RedisTarget) -> Fault | None:
    if isinstance(reply, Exception):
        return fault_of(reply, target)
    if isinstance(reply, list):
        return None
    return Fault("invalid", "the server answered with something else than a list")


def _no_clock(reply: object, target: RedisTarget) -> Fault | None:
    """Return a fault where the server's time is missing, without which no entry has an age."""
    if isinstance(reply, NoPermissionError):
        return fault_of(reply, target)
    return None


def _now(reply: object) -> float | None:
    match reply:
        case [bytes() | int() as seconds, bytes() | int() as micros]:
            try:
                return int(seconds) + int(micros) / 1e6
            except ValueError:
                return None
    return None


def _calls(entries: list[_Entry], now: float | None) -> tuple[SlowCall, ...]:
    if now is None:
        return ()
    return tuple(SlowCall(age_s=max(0.0, now - one.at), took_ms=one.micros / 1000, command=one.word) for one in entries)


def _entries(reply: object) -> tuple[list[_Entry], int]:
    """Return the entries of others, newest first, and the number of our own."""
    found = [one for entry in items_of(reply) if (one := _entry(entry))]
    ours = {one.address for one in found if one.own and one.address}
    others = [one for one in found if not one.own and one.address not in ours]  # our greeting has no name yet
    return others, len(found) - len(others)


def _entry(entry: object) -> _Entry | None:
    match entry:
        case [int(), int(at), int(micros), [command, *arguments], *more]:
            word = "?"
            if isinstance(command, bytes):
                word = safe_text(command, 40).upper()
            address, name = (*more, b"", b"")[:2]
            named = isinstance(name, bytes) and name.startswith(OWN_NAME)
            scripted = any(isinstance(one, bytes) and one.startswith(_OWN_SCRIPT) for one in arguments[:1])
            return _Entry(at, micros, word, address if isinstance(address, bytes) else b"", named or scripted)
    return None


def _events(reply: object, now: float | None) -> tuple[LatencyEvent, ...]:
    found: list[LatencyEvent] = []
    if now is None:
        return ()
    for entry in items_of(reply):
        match entry:
            case [bytes(event), int(at), int(latest), int(longest), *_]:
                name = safe_text(event, 40)
                age = max(0.0, now - at)
                found.append(LatencyEvent(event=name, age_s=age, latest_ms=float(latest), max_ms=float(longest)))
    return tuple(found)
