"""The server's slow log and latency events, in one round trip. Ages are by the server's clock, so skew does not matter.

It refuses to hand on what the slow calls said: arguments hold tenants' data, so only the command's word leaves here.
"""

from redis.exceptions import NoPermissionError

from optimus_tui.contract.reading import Fault
from optimus_tui.contract.strain import LatencyEvent, SlowCall, SlowState
from optimus_tui.probes.client import ObserverRedis
from optimus_tui.probes.faults import OUTAGES, fault_of
from optimus_tui.settings.model import RedisTarget
from optimus_tui.wording.safe import safe_text

ENTRIES = 64


async def read_slowlog(redis: ObserverRedis, target: RedisTarget) -> SlowState | Fault:
    """The newest entries of both; a Fault where the server is away. A missing right costs its own half."""
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
    return SlowState(
        logged=length if isinstance(length, int) else None,
        calls=_calls(entries, now),
        events=_events(events, now),
        calls_fault=_fault(entries, target) or _no_clock(time, target),
        events_fault=_fault(events, target) or _no_clock(time, target),
    )


def _fault(reply: object, target: RedisTarget) -> Fault | None:
    if isinstance(reply, Exception):
        return fault_of(reply, target)
    return None if isinstance(reply, list) else Fault("invalid", "the server answered with something else than a list")


def _no_clock(reply: object, target: RedisTarget) -> Fault | None:
    """Without the server's time no entry has an age."""
    return fault_of(reply, target) if isinstance(reply, NoPermissionError) else None


def _now(reply: object) -> float | None:
    match reply:
        case [bytes() | int() as seconds, bytes() | int() as micros]:
            try:
                return int(seconds) + int(micros) / 1e6
            except ValueError:
                return None
    return None


def _calls(reply: object, now: float | None) -> tuple[SlowCall, ...]:
    found = []
    for entry in reply if isinstance(reply, list) and now is not None else ():
        match entry:
            case [int(), int(at), int(micros), [command, *_], *_]:
                assert now is not None
                word = safe_text(command, 40) if isinstance(command, bytes) else "?"
                found.append(SlowCall(age_s=max(0.0, now - at), took_ms=micros / 1000, command=word.upper()))
    return tuple(found)


def _events(reply: object, now: float | None) -> tuple[LatencyEvent, ...]:
    found = []
    for entry in reply if isinstance(reply, list) and now is not None else ():
        match entry:
            case [bytes(event), int(at), int(latest), int(longest), *_]:
                assert now is not None
                name = safe_text(event, 40)
                age = max(0.0, now - at)
                found.append(LatencyEvent(event=name, age_s=age, latest_ms=float(latest), max_ms=float(longest)))
    return tuple(found)
