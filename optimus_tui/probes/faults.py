"""Turn errors of the Redis client and server into a ``Fault``: what happened, where, and what to do."""

import errno
import re
import socket
import ssl

from msgspec.structs import replace
from redis import exceptions as redis_errors
from redis.exceptions import ConnectionError as LostConnection

from optimus_tui.contract.reading import Fault
from optimus_tui.dialects.layout import KeyLayout
from optimus_tui.probes.load_meter import starved
from optimus_tui.probes.port_protocol import Language
from optimus_tui.probes.redis.acl_words import denied_channel, denied_key
from optimus_tui.probes.redis.dialing import (
    HungUp,
    NodeAway,
    SentinelFound,
    SentinelsAway,
    SlotLost,
    Unproven,
    WrongLanguage,
    manners_at,
)
from optimus_tui.probes.redis.parser import (
    UNFORESEEN,
    ReplyTooLarge,
    UnreadableReply,
    certificate_remedy,
    names_mismatch,
)
from optimus_tui.settings.model import RedisTarget, address
from optimus_tui.wording.safe import safe_text

OUTAGES: tuple[type[Exception], ...] = (redis_errors.RedisError, OSError, TimeoutError, *UNFORESEEN)
"""The exceptions of a server that is away, refuses or answers oddly; any other one is a bug of this program."""

_WITHIN_SECONDS = 1.0
"""The client's timeout for a command; see ``client.POLICY``."""
_RIGHT = re.compile(r"run the '([\w|.-]{1,64})'")
_ECHO = re.compile(r",?\s*with args beginning with.*", re.DOTALL | re.IGNORECASE)


def fault_of(error: BaseException, target: RedisTarget, layout: KeyLayout | None = None) -> Fault:
    """Return the fault behind an error. Every error gives one.

    Args:
        error: what the client raised, or the server answered.
        target: the server.
        layout: how its keys are read, to name those that a login lacks; None sends the reader to ``doctor`` for them.
    """
    if isinstance(error, NodeAway):
        cause = fault_of(error.cause, error.target, layout)
        if isinstance(error, SentinelsAway) and error.count > 1 and cause.kind in ("refused", "timeout"):
            return replace(cause, message=f"none of {error.count:,} sentinels answers: {cause.message}")
        return cause
    fault = _fault(error, target, layout)
    if target.announced and (remedy := _remedy_of_announced(fault, error, target)):
        return replace(fault, remedy=remedy)
    return fault


def _remedy_of_announced(fault: Fault, error: BaseException, target: RedisTarget) -> str | None:
    """Return what to do where the address that a cluster or sentinels announce does not fit; None for another fault."""
    reached = address(target.host, target.port)
    place = safe_text(next((old for old, new in target.address_map if new == reached), reached))
    name = "let the nodes announce a name of the certificate (cluster-preferred-endpoint-type hostname)"
    plain = "set tls-cluster yes on the nodes, which announce the plain port"
    if target.part_of == "sentinel":
        name = "let the sentinels name it as its certificate does (announce-hostnames yes)"
        plain = "let the sentinels monitor its TLS port"
    if isinstance(error, WrongLanguage) and error.language == "plain Redis":
        return f'{plain}, or write in address_map "{place}" = "HOST:TLS-PORT"'
    if fault.kind == "tls" and names_mismatch(fault.message):
        return f'{name}, or write in address_map "{place}" = "NAME:PORT"'
    silent = isinstance(error, (LostConnection, OSError, redis_errors.TimeoutError)) and not isinstance(error, HungUp)
    if silent and not manners_at(target).greeted and fault.kind in ("refused", "timeout") and not is_crowded(error):
        return f'see its process, or write in address_map where it is reached from here: "{place}" = "HOST:PORT"'
    return None


def _fault(error: BaseException, target: RedisTarget, layout: KeyLayout | None) -> Fault:
    where = safe_text(target.label)
    if isinstance(error, Unproven):
        remedy = f"ask them SENTINEL CKQUORUM {safe_text(target.service, 60)}; SENTINEL MASTERS lists what they watch"
        return Fault("role", f"{where}: {safe_text(error, 160)}", remedy)
    if isinstance(error, SentinelFound):
        place = safe_text(address(target.host, target.port))
        remedy = f"write redis+sentinel://{place}/NAME, with the name that SENTINEL MASTERS lists, and all sentinels"
        return Fault("role", f"{where} is a sentinel, not a server", remedy)
    if isinstance(error, WrongLanguage):
        return wrong_language(error.language, target)
    if isinstance(error, UNFORESEEN) and not isinstance(error, OSError):  # a bad certificate is both
        return unreadable(error, target)
    message = _message_of(error, target)
    if (denied := _of_right(error, message, target, layout)) is not None:
        return denied
    for translate in (_of_login, _of_server, _of_wire):
        fault = translate(error, message, where, target)
        if fault is not None:
            return fault
    if isinstance(error, redis_errors.ResponseError):
        return Fault("invalid", f"{where} answered: {message}")
    if isinstance(error, (redis_errors.RedisError, OSError)):
        return Fault("refused", f"{where}: {message}")
    return Fault("bug", f"{type(error).__name__}: {message}", "please report this")


def wrong_language(language: Language, target: RedisTarget) -> Fault:
    """Return the fault of a port that speaks another protocol than its address says, with the right address."""
    where, scheme = safe_text(target.label), target.written(target.scheme)
    if language == "TLS":
        return Fault("tls", f"{where} speaks TLS", f"use {target.written('rediss')} instead of {scheme} in the address")
    if language == "plain Redis":
        remedy = f"use {target.written('redis')} instead of {scheme}"
        return Fault("tls", f"{where} speaks plain text, without TLS", remedy)
    return Fault("invalid", f"{where} speaks HTTP, not the Redis protocol", "check host and port")


def unreadable(error: BaseException, target: RedisTarget) -> Fault:
    """Return the fault of an answer that the reader could not process."""
    kind = type(error.__cause__ or error).__name__
    return Fault(
        "invalid",
        f"{safe_text(target.label)} sent an answer that cannot be read ({kind})",
        "check what answers there; if it is a Redis, please report this",
    )


def _message_of(error: BaseException, target: RedisTarget) -> str:
    text = _ECHO.sub("", str(error))
    if target.password and (secret := target.password.reveal()):
        text = text.replace(secret, "***")
    return safe_text(text, 160)


def _of_login(error: BaseException, message: str, where: str, target: RedisTarget) -> Fault | None:
    who = safe_text(target.username or "default", 60)
    if not isinstance(error, redis_errors.AuthenticationError):
        return None
    if target.password is None or "without any password" in message:
        if target.password:
            return Fault("auth", f"{where} has no password, but one was sent", "remove it from REDIS_URL or redis_url")
        return Fault("auth", f"{where} requires a password", "set it in REDIS_URL or in the environment's redis_url")
    if "must be called with the client already authenticated" in message or "Authentication required" in message:
        return Fault("auth", f"{where} requires a password", "set it in REDIS_URL or in the environment's redis_url")
    return Fault(
        "auth", f"{where} refuses the password of user {who}", "it is wrong, was rotated, or the user is disabled"
    )


def _of_right(error: BaseException, message: str, target: RedisTarget, layout: KeyLayout | None) -> Fault | None:
    """Return the fault of a right that the login lacks; None for another error."""
    in_script = "ACL failure in script" in message or "has no permissions" in message
    if not in_script and not isinstance(error, redis_errors.NoPermissionError):
        return None
    who = safe_text(target.username or "default", 60)
    right = _RIGHT.search(message)
    if right:
        name = right[1].lower()
        shown = name.replace("|", " ").upper()
        return Fault("denied", f"{shown} is not allowed for user {who}", f"ACL SETUSER {who} +{name}")
    if "channel" in message:
        return Fault("denied", f"a channel is not allowed for user {who}", denied_channel(who, layout))
    return Fault("denied", f"a key is not allowed for user {who}", denied_key(who, layout))


def _of_server(error: BaseException, message: str, where: str, target: RedisTarget) -> Fault | None:
    if isinstance(error, redis_errors.BusyLoadingError):
        return Fault("loading", f"{where} is loading its data set", "it answers when it has read everything")
    if isinstance(error, redis_errors.MasterDownError):
        return Fault("role", f"{where} is a replica that has lost its primary", "point REDIS_URL at the primary")
    if isinstance(error, redis_errors.ReadOnlyError):
        return Fault("role", f"{where} is a read-only replica", "point REDIS_URL at the primary")
    if isinstance(error, redis_errors.OutOfMemoryError):
        return Fault(
            "busy", f"{where} has reached maxmemory", "raise maxmemory, or set an eviction policy such as allkeys-lru"
        )
    if "max number of clients" in message:
        return Fault(
            "busy", f"{where} has no room for another client (maxclients)", "close idle clients or raise maxclients"
        )
    if message.startswith("BUSY "):
        return Fault("busy", f"a script blocks {where}", "it answers when the script ends")
    if "DB index is out of range" in message or "invalid DB index" in message:
        return Fault("invalid", f"{where} has no database {target.db}", "choose another db in REDIS_URL")
    if "SELECT is not allowed in cluster mode" in message:
        return Fault("role", f"{where} is a node of a cluster", "leave out the database: a cluster has 0 only")
    if isinstance(error, (redis_errors.ClusterDownError, SlotLost)):
        remedy = "the cluster answers again when each slot has a primary: see CLUSTER INFO and CLUSTER NODES"
        return Fault("role", f"{where} is a node of a cluster that is down: {message}", remedy)
    if isinstance(error, redis_errors.AskError):
        return Fault("role", f"{where} is a node of a cluster: {message}", "name its nodes with redis+cluster://")
    return None


def _of_wire(error: BaseException, message: str, where: str, target: RedisTarget) -> Fault | None:
    causes = _chain(error)
    tls = next((one for one in causes if isinstance(one, ssl.SSLError)), None)
    if tls is not None or "SSL" in message:
        return _of_tls(tls, message, where, target)
    if any(isinstance(one, socket.gaierror) for one in causes):
        return Fault(
            "refused", f"the name {safe_text(target.host, 80)} does not resolve", "check the host in REDIS_URL"
        )
    if isinstance(error, ReplyTooLarge):
        message = f"{where} answered {safe_text(error.command, 40)} with more than {error.cap:,} bytes"
        return Fault(
            "invalid", f"{message}; the connection was dropped", "check what answers there, and its large keys"
        )
    if isinstance(error, UnreadableReply):
        return unreadable(error, target)
    if isinstance(error, redis_errors.InvalidResponse):
        return Fault("invalid", f"what answers at {where} does not speak the Redis protocol", "check host and port")
    if isinstance(error, (redis_errors.TimeoutError, TimeoutError)):
        if ours := starved(_WITHIN_SECONDS):
            return Fault(
                "starved", f"{where} did not answer in time: {ours}", "reduce the load of this machine and try again"
            )
        remedy = None
        if target.scheme == "rediss":
            remedy = (
                f"if that port speaks plain text, use {target.written('redis')} instead of {target.written('rediss')}"
            )
        return Fault("timeout", f"no answer from {where} within one second", remedy)
    if is_crowded(error):
        return Fault("timeout", f"all our connections to {where} are waiting for an answer")
    refused = any(
        isinstance(one, ConnectionRefusedError) or getattr(one, "errno", None) == errno.ECONNREFUSED for one in causes
    )
    if refused or f"Error {errno.ECONNREFUSED} connecting" in message:  # redis-py may keep the text alone
        return Fault("refused", f"{where}: connection refused")
    if isinstance(error, HungUp) or (isinstance(error, redis_errors.ConnectionError) and "closed by server" in message):
        remedy = None
        if _shows_no_certificate(target):
            remedy = "it may ask for a client certificate: add ssl_certfile and ssl_keyfile to the address"
        return Fault("refused", f"{where} closed the connection", remedy)
    return None


def is_crowded(error: BaseException) -> bool:
    """Return whether nothing was sent because this program's own requests used all connections."""
    return "No connection available" in str(error)


def _shows_no_certificate(target: RedisTarget) -> bool:
    """Return whether the target shows no client certificate: a server that wants one closes the connection.

    Its reason is sent after the handshake and may be lost on the way.
    """
    return target.scheme == "rediss" and not target.tls_cert


def _of_tls(tls: BaseException | None, message: str, where: str, target: RedisTarget) -> Fault:
    reason = safe_text(getattr(tls, "verify_message", "") or getattr(tls, "reason", "") or message, 120)
    words = f"{reason} {message}".lower().replace("_", " ")
    if "certificate required" in words or ("handshake failure" in words and not target.tls_cert):
        message = f"{where} asks for a client certificate ({reason})"
        return Fault("tls", message, "add ssl_certfile and ssl_keyfile to the address")
    if isinstance(tls, ssl.SSLCertVerificationError):
        remedy = certificate_remedy(reason, "ssl_ca_certs or SSL_CERT_FILE")
        if target.tls_ca and remedy.startswith("name its authority"):
            remedy = "it is of another authority than those of ssl_ca_certs: add its own to that file"
        return Fault("tls", f"TLS with {where} failed: {reason}", remedy)
    if "alert" in words and target.tls_cert:
        message = f"{where} refuses our client certificate ({reason})"
        return Fault("tls", message, "check ssl_certfile: its authority must be one that the server knows")
    remedy = "check the certificate, the CA file and the scheme"
    return Fault("tls", f"TLS with {where} failed: {reason}", remedy)


def _chain(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and len(found) < 8:
        found.append(one)
        one = one.__cause__ or one.__context__
    return found
