"""Why a connection of the feed ended, and the pause before the next attempt."""

from msgspec.structs import replace

from optimus_tui.contract.reading import Fault, FaultKind
from optimus_tui.dialects.feeds.messages import Subscription
from optimus_tui.probes.port_protocol import Language, spoken_in
from optimus_tui.probes.redis.acl_words import channel_words
from optimus_tui.settings.model import RedisTarget
from optimus_tui.wording.numbers import age
from optimus_tui.wording.safe import safe_text

_FIXED_PAUSES: dict[FaultKind, float] = {"auth": 60.0, "denied": 30.0}
"""Slow retries: wrong passwords may lock the login, and a missing right is not granted within seconds."""
_SLOW_KINDS: frozenset[FaultKind] = frozenset(("invalid", "tls", "busy", "role", "bug"))
"""Faults that do not go away by themselves within moments."""
_CAUSES: dict[FaultKind, str] = {
    "auth": "login refused",
    "denied": "denied by the ACL",
    "loading": "the server is loading",
    "busy": "no room for another client",
    "tls": "TLS failed",
    "timeout": "no answer",
    "refused": "connection broken",
    "bug": "the feed reader failed",
}


class LinkLost(Exception):
    """The connection ended.

    ``cause`` is a short phrase for the gap's row. ``at_end``: all that was sent before was received.

    ``missing``: for how many seconds events may have been missed before it was ended from here.
    """

    def __init__(self, fault: Fault, cause: str = "", *, at_end: bool = False, missing: float | None = None) -> None:
        super().__init__(fault.message)
        self.fault, self.at_end, self.missing = fault, at_end, missing
        self.cause = cause or _CAUSES.get(fault.kind, "refused by the server")


def pause_after(fault: Fault, tries: int) -> float:
    """Return the seconds until the next attempt, after ``tries`` failed ones in a row (from 1)."""
    if fault.kind in _FIXED_PAUSES:
        return _FIXED_PAUSES[fault.kind]
    grown = 2.0 ** min(tries - 1, 10)
    if fault.kind in _SLOW_KINDS:
        return min(0.5 * grown, 5.0)
    return min(0.05 * grown, 0.5)


def lost_by_reply(text: str, target: RedisTarget) -> LinkLost:
    """Return the loss for an error line of the server, such as ``NOPERM this user has no permissions …``."""
    from redis import exceptions as redis_errors

    from optimus_tui.probes.faults import fault_of

    kinds = {
        "NOPERM": redis_errors.NoPermissionError,
        "NOAUTH": redis_errors.AuthenticationError,
        "WRONGPASS": redis_errors.AuthenticationError,
        "LOADING": redis_errors.BusyLoadingError,
        "MASTERDOWN": redis_errors.MasterDownError,
    }
    kind = kinds.get(text.split(" ", 1)[0], redis_errors.ResponseError)
    if kind is redis_errors.ResponseError and "password" in text.lower():
        kind = redis_errors.AuthenticationError  # the words of servers before 6, and of those without a password
    if text.startswith("MOVED "):
        return lost_by_move(target)
    if text.startswith("DENIED"):
        where = safe_text(target.label, 80)
        return LinkLost(Fault("denied", f"{where} is in protected mode", "set a password there, or bind it"))
    return LinkLost(fault_of(kind(text), target))


def lost_by_move(target: RedisTarget) -> LinkLost:
    """Return the loss for a sharded channel whose slot belongs to another node now."""
    cause = f"{safe_text(target.label, 60)} no longer owns the slot of a sharded channel"
    return LinkLost(Fault("refused", cause), cause)


def lost_by_channel(lost: LinkLost, text: str, target: RedisTarget, subscription: Subscription) -> LinkLost:
    """Return the loss with the channels of the profile in its remedy, where the server denied one of them."""
    if lost.fault.kind != "denied" or "channel" not in text:
        return lost
    remedy = f"ACL SETUSER {safe_text(target.username or 'default', 60)} {channel_words(subscription)}"
    return LinkLost(replace(lost.fault, remedy=remedy), lost.cause)


def lost_by_error(error: BaseException, target: RedisTarget) -> LinkLost:
    """Return the loss for an error of the system while connecting or reading."""
    from optimus_tui.probes.faults import fault_of

    return LinkLost(fault_of(error, target))


def lost_at_end(target: RedisTarget) -> LinkLost:
    """Return the loss for a connection that the server closed in order."""
    fault = Fault("refused", f"{safe_text(target.label, 80)} closed the connection")
    return LinkLost(fault, "connection closed", at_end=True)


def lost_at_subscribing(target: RedisTarget) -> LinkLost:
    """Return the loss for a connection that the server closed before it confirmed the subscription."""
    message = f"{safe_text(target.label, 80)} closed the connection instead of subscribing"
    remedy = "a proxy in between may not know PSUBSCRIBE: run optimus-tui doctor, or point REDIS_URL at the server"
    return LinkLost(Fault("refused", message, remedy), "connection closed", at_end=True)


def lost_in_silence(target: RedisTarget, seconds: float) -> LinkLost:
    """Return the loss after ``seconds`` in which no byte came."""
    message = f"no answer for {age(seconds)}"
    remedy = None
    if target.scheme == "rediss":
        remedy = "use redis:// if the port speaks plain text"
    return LinkLost(Fault("timeout", f"{safe_text(target.label, 80)}: {message}", remedy), message)


def lost_by_language(language: Language, target: RedisTarget) -> LinkLost:
    """Return the loss for a port that speaks another protocol than its address says."""
    from optimus_tui.probes.faults import wrong_language

    return LinkLost(wrong_language(language, target), f"{language} instead of the Redis protocol")


def lost_by_answer(error: BaseException, target: RedisTarget) -> LinkLost:
    """Return the loss for bytes or replies that the reader could not process."""
    from optimus_tui.probes.faults import unreadable

    return LinkLost(unreadable(error, target), "an answer that cannot be read")


def lost_by_garbage(first: bytes, target: RedisTarget) -> LinkLost:
    """Return the loss for bytes that are not the Redis protocol; ``first`` are the first of them."""
    where = safe_text(target.label, 80)
    language = spoken_in(first)
    if language in ("TLS", "HTTP"):
        return lost_by_language(language, target)
    message = safe_text(first[:24], 60)
    message = f"what answers at {where} does not speak the Redis protocol: {message}"
    return LinkLost(Fault("invalid", message, "check host and port"), "not the Redis protocol")


def lost_by_bug(error: BaseException) -> LinkLost:
    """Return the loss for an error of this program, which is reported as such and never as an outage."""
    message = f"{type(error).__name__}: {safe_text(error, 120)}"
    return LinkLost(Fault("bug", f"the feed reader failed ({message})", "please report this"))
