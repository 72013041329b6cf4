"""Errors into faults: total, without secrets, and never an outage where it is our own bug."""

import socket
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import exceptions as errors

from optimus_tui.dialects.layout import KeyLayout, own_layout
from optimus_tui.dialects.load import load_preset, load_table
from optimus_tui.probes.faults import fault_of
from optimus_tui.probes.redis.acl_words import key_patterns
from optimus_tui.probes.redis.commands import CommandRefused
from optimus_tui.probes.redis.dialing import WrongLanguage
from optimus_tui.settings.model import RedisTarget, Secret

TARGET = RedisTarget(host="10.0.0.7", username="observer", password=Secret("CANARY"), db=2)
KINDS = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]


@pytest.mark.parametrize(
    ("error", "kind", "word"),
    [
        (errors.NoPermissionError("User observer has no permissions to run the 'info' command"), "denied", "+info"),
        (errors.NoPermissionError("this user has no permissions to run the 'client|setname' command"), "denied",
         "+client|setname"),
        (errors.NoPermissionError("No permissions to access a key"), "denied", "%R~rate_limit:*"),
        (errors.NoPermissionError("No permissions to access a channel"), "denied", "&cache_coherence:*"),
        (errors.AuthenticationError("invalid username-password pair or user is disabled."), "auth", "rotated"),
        (errors.BusyLoadingError("Redis is loading the dataset in memory"), "loading", "everything"),
        (errors.MasterDownError("Link with MASTER is down"), "role", "primary"),
        (errors.ReadOnlyError("You can't write against a read only replica."), "role", "primary"),
        (errors.OutOfMemoryError("command not allowed when used memory > 'maxmemory'."), "busy", "maxmemory"),
        (errors.ConnectionError("max number of clients reached"), "busy", "clients"),
        (errors.ResponseError("BUSY Redis is busy running a script."), "busy", "script"),
        (errors.ResponseError("DB index is out of range"), "invalid", "db"),
        (errors.ResponseError("MISCONF Redis is configured to save RDB snapshots"), "invalid", "MISCONF"),
        (errors.ResponseError("NOREPLICAS Not enough good replicas"), "invalid", "NOREPLICAS"),
        (errors.TryAgainError("Multiple keys request during rehashing of slot"), "invalid", "rehashing"),
        (errors.ClusterDownError("Hash slot not served"), "role", "cluster"),
        (errors.MovedError("3999 127.0.0.1:6381"), "role", "cluster"),
        (errors.ExecAbortError("Transaction discarded"), "invalid", "discarded"),
        (errors.ResponseError("WAT is this"), "invalid", "WAT"),
        (errors.InvalidResponse("Protocol error"), "invalid", "does not speak"),
        (errors.TimeoutError("Timeout reading from socket"), "timeout", "no answer"),
        (TimeoutError(), "timeout", "no answer"),
        (errors.ConnectionError("No connection available."), "timeout", "waiting"),
        (ConnectionRefusedError(111, "Connect call failed"), "refused", "refused"),
        (errors.ConnectionError("Connection closed by server."), "refused", "closed"),
        (socket.gaierror(-2, "Name or service not known"), "refused", "does not resolve"),
        (ssl.SSLCertVerificationError(1, "certificate has expired"), "tls", "expired"),
        (CommandRefused("b'SET' is not on the observer's list"), "bug", "SET"),
        (KeyError("x"), "invalid", "cannot be read (KeyError)"),
        (TypeError("unhashable type: 'list'"), "invalid", "cannot be read (TypeError)"),
        (RecursionError("maximum recursion depth exceeded"), "invalid", "cannot be read"),
        (WrongLanguage("TLS"), "tls", "use rediss:// instead of redis://"),
        (WrongLanguage("HTTP"), "invalid", "speaks HTTP"),
        (RuntimeError("x"), "bug", "RuntimeError"),
    ],
)  # fmt: skip
def test_each_class_of_error_has_its_name_and_remedy_rows_36_to_54(error: Exception, kind: str, word: str) -> None:
    fault = fault_of(error, TARGET, own_layout())
    assert fault.kind == kind
    assert word in f"{fault.message} {fault.remedy}"


def test_rights_that_are_missing_are_those_of_the_profile() -> None:
    key = errors.NoPermissionError("No permissions to access a key")
    channel = errors.NoPermissionError("No permissions to access a channel")
    litellm, tyk = (KeyLayout(load_preset(name)) for name in ("litellm", "tyk"))
    assert fault_of(key, TARGET, tyk).remedy == "ACL SETUSER observer %R~quota-* %R~rate-limit-*"
    assert fault_of(channel, TARGET, litellm).remedy == ("ACL SETUSER observer &litellm_proxy.auth_cache_invalidation")
    for error in (key, channel):  # who does not know the profile names no keys of another one
        assert fault_of(error, TARGET).remedy == "`optimus-tui doctor` prints the ACL line that grants it"
    odd = KeyLayout(load_table({"limits": [{"key": "a*b 'q[{tenant}"}]}, "test"))
    assert key_patterns(odd) == {"a\\*b??q\\[*": b"a*b 'q[optimus_doctor:nobody"}


def test_the_missing_right_is_told_in_the_words_of_the_screen_row_40() -> None:
    error = errors.NoPermissionError("User observer has no permissions to run the 'info' command")
    fault = fault_of(error, TARGET)
    assert fault.message == "INFO is not allowed for user observer"
    assert fault.remedy == "ACL SETUSER observer +info"


def test_a_password_echoed_by_an_old_server_is_not_repeated() -> None:
    echo = "unknown command `AUTH`, with args beginning with: `observer`, `CANARY`, "
    for error in (errors.ResponseError(echo), errors.ConnectionError("lost observer:CANARY@host"), KeyError("CANARY")):
        assert "CANARY" not in repr(fault_of(error, TARGET))


@given(st.sampled_from(KINDS), st.one_of(st.text(max_size=80), st.binary(max_size=80).map(str)))
def test_any_error_with_any_words_gives_a_printable_fault_row_48(kind: type[Exception], words: str) -> None:
    try:
        error = kind(words)
    except Exception:
        error = kind.__new__(kind)
    fault = fault_of(error, TARGET)
    assert fault.message.isprintable()
    assert (fault.remedy or "").isprintable()
    assert len(fault.message) < 400


@pytest.mark.parametrize(
    ("url", "told"),
    [({"scheme": "rediss"}, True), ({"scheme": "rediss", "tls_cert": "cert.pem"}, False), ({"scheme": "redis"}, False)],
)
def test_a_server_that_hangs_up_after_the_handshake_may_want_a_certificate(url: dict[str, str], told: bool) -> None:
    target = RedisTarget(host="10.0.0.7", port=6379, **url)  # type: ignore[arg-type]
    fault = fault_of(errors.ConnectionError("Connection closed by server."), target)
    assert ("ssl_certfile" in fault.remedy if fault.remedy else False) == told
