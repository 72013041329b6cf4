"""Check Postgres with one ``SELECT 1`` within a deadline.

The driver's own messages are never shown, because they quote the connection string, possibly with a password. Ours are
built from the driver's error class and a few words found in its text.
"""

import asyncio
import importlib
import time
from typing import Any

from optimus_tui.clock import Clock
from optimus_tui.contract.reading import Fault, Reading
from optimus_tui.contract.services import ServiceState
from optimus_tui.settings.model import Secret
from optimus_tui.wording.safe import safe_text

DEADLINE_S = 2.5
EXTRA = "pip install 'optimus-tui[postgres]'"
_ANSWERS: tuple[tuple[tuple[str, ...], Fault], ...] = (
    (
        ("password authentication failed", "no password supplied", "no pg_hba.conf entry", "authentication failed"),
        Fault("auth", "Postgres refuses this login", "check user and password in POSTGRES_DSN"),
    ),
    (("does not exist",), Fault("invalid", "Postgres has no such database or role", "check POSTGRES_DSN")),
    (
        ("too many clients", "too many connections", "remaining connection slots"),
        Fault("busy", "Postgres has no room for another client"),
    ),
    (("starting up", "shutting down", "recovery mode"), Fault("loading", "Postgres is starting or stopping")),
    (("ssl", "certificate", "tls"), Fault("tls", "TLS with Postgres failed", "check sslmode and the certificate")),
)
"""Faults of a server that is reachable, by words of the driver's message."""
_NAME = ("failed to resolve", "could not translate", "name or service not known")


async def read_postgres(dsn: Secret | None, clock: Clock, problem: str = "") -> Reading[ServiceState]:
    """Return connected, error (a wrong answer) or disconnected (no answer); "not configured" without an address.

    Without the driver the status is unknown and the fault says what to install. The same holds for ``problem``, which
    says why the configured address cannot be used. ``fault`` is the state's own.
    """
    if problem:
        unusable = Fault("invalid", safe_text(problem, 200), "as in postgresql://user:password@host:5432/name")
        state = ServiceState(status="unknown", fault=unusable)
    elif not dsn:
        state = ServiceState(status="not configured")
    else:
        try:
            driver = await asyncio.to_thread(importlib.import_module, "psycopg")
        except ImportError:
            missing = Fault("invalid", "the Postgres driver is not installed", EXTRA)
            state = ServiceState(status="unknown", fault=missing)
        else:
            state = await _ask(driver, dsn)
    return Reading(
        value=state, taken_at=clock.wall(), taken_mono=clock.mono(), took_ms=state.latency_ms, fault=state.fault
    )


async def _ask(driver: Any, dsn: Secret) -> ServiceState:
    started = time.perf_counter()
    try:
        async with asyncio.timeout(DEADLINE_S):
            connection = await driver.AsyncConnection.connect(dsn.reveal(), autocommit=True, connect_timeout=2)
            try:
                row = await (await connection.execute("SELECT 1")).fetchone()
                version = _version(connection.info.server_version)
            finally:
                await connection.close()
    except (driver.errors.ConnectionTimeout, TimeoutError):
        fault = Fault("timeout", f"Postgres does not answer within {DEADLINE_S} s")
        return ServiceState(status="disconnected", fault=fault)
    except driver.ProgrammingError as error:
        return _answered_wrongly(error)
    except (driver.Error, OSError, UnicodeError) as error:
        return _failed(error)
    except Exception:  # what answers can make the driver raise anything: that is its fault, and costs this look only
        return ServiceState(status="error", fault=Fault("invalid", "what answers is not a Postgres server"))
    took = (time.perf_counter() - started) * 1000
    if row != (1,):
        wrong = Fault("invalid", "Postgres answered SELECT 1 with something else")
        return ServiceState(status="error", latency_ms=took, version=version, fault=wrong)
    return ServiceState(status="connected", latency_ms=took, version=version)


def _answered_wrongly(error: Any) -> ServiceState:
    """Return the state for a connection string that the driver, or a statement that the server, rejects."""
    if getattr(error, "sqlstate", None):
        return ServiceState(status="error", fault=Fault("invalid", "Postgres refuses SELECT 1"))
    fault = Fault("invalid", "POSTGRES_DSN cannot be read", "as in postgresql://user:password@host:5432/name")
    return ServiceState(status="unknown", fault=fault)


def _failed(error: BaseException) -> ServiceState:
    message = str(error).lower()
    for words, fault in _ANSWERS:
        if any(word in message for word in words):
            return ServiceState(status="error", fault=fault)
    if any(word in message for word in _NAME) or isinstance(error, UnicodeError):
        unknown = Fault("refused", "the host name of Postgres is not known", "check POSTGRES_DSN")
        return ServiceState(status="disconnected", fault=unknown)
    if "refused" in message or "no such file" in message or "unreachable" in message:
        nobody = Fault("refused", "no server answers at the Postgres address", "start it, or correct POSTGRES_DSN")
        return ServiceState(status="disconnected", fault=nobody)
    if "closed the connection" in message or "reset by peer" in message or "lost" in message:
        return ServiceState(status="disconnected", fault=Fault("refused", "the connection to Postgres broke"))
    return ServiceState(status="error", fault=Fault("invalid", "what answers is not a Postgres server"))


def _version(number: object) -> str | None:
    """Return ``15.4`` for ``150004``; before version 10 the second part had two digits."""
    if not isinstance(number, int) or number <= 0:
        return None
    if number >= 100000:
        return f"{number // 10000}.{number % 10000}"
    return f"{number // 10000}.{number // 100 % 100}"
