"""Postgres: one SELECT 1 against a server of twenty lines that can also misbehave. The driver's words never show."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from optimus_tui.contract.services import ServiceState
from optimus_tui.probes.postgres import read_postgres
from optimus_tui.settings.model import Secret
from tests.fixed_clock import FixedClock
from tests.hostile import serving

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


READY = message(b"Z", b"I")
WELCOME = message(b"R", struct.pack("!i", 0)) + message(b"S", b"server_version\x0015.4\x00") + READY


def row(value: bytes) -> bytes:
    column = b"?column?\x00" + struct.pack("!ihihih", 0, 0, 23, 4, -1, 0)
    data = struct.pack("!hi", 1, len(value)) + value
    return message(b"T", struct.pack("!h", 1) + column) + message(b"D", data) + message(b"C", b"SELECT 1\x00") + READY


def refusal(code: bytes, words: bytes) -> bytes:
    return message(b"E", b"SFATAL\x00VFATAL\x00C" + code + b"\x00M" + words + b"\x00\x00")


async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Up to the start-up message; encryption is declined."""
    while True:
        size, code = struct.unpack("!ii", await reader.readexactly(8))
        await reader.readexactly(size - 8)
        if code == 196608:
            return
        writer.write(b"N")


def answers(value: bytes) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await greet(reader, writer)
        writer.write(WELCOME)
        await reader.readexactly(5)
        writer.write(row(value))
        await reader.read()

    return talk


def refuses(code: bytes, words: bytes) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await greet(reader, writer)
        writer.write(refusal(code, words))

    return talk


async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await greet(reader, writer)
    writer.write(b"HTTP/1.1 400 \x1b[2J CANARY\r\n\r\n")


async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(8)


@contextlib.asynccontextmanager
async def server(talk: Talk) -> AsyncIterator[str]:
    async with serving(talk) as port:
        yield f"postgresql://ops:CANARY@127.0.0.1:{port}/shop?sslmode=prefer"


async def look(dsn: str | None) -> ServiceState:
    reading = await read_postgres(Secret(dsn) if dsn else None, FixedClock())
    assert reading.value is not None
    assert reading.fault == reading.value.fault
    if reading.fault:
        assert "CANARY" not in f"{reading.fault}" and reading.fault.message.isprintable()
    return reading.value


async def test_without_an_address_it_is_not_configured() -> None:
    state = await look(None)
    assert (state.status, state.fault) == ("not configured", None)


async def test_a_server_that_answers_is_connected_with_its_version() -> None:
    async with server(answers(b"1")) as dsn:
        state = await look(dsn)
    assert (state.status, state.version, state.fault) == ("connected", "15.4", None)
    assert state.latency_ms is not None and state.latency_ms > 0


@pytest.mark.parametrize(
    ("talk", "status", "kind"),
    [
        (answers(b"2"), "error", "invalid"),
        (refuses(b"28P01", b'password authentication failed for user "CANARY\x1b"'), "error", "auth"),
        (refuses(b"3D000", b'database "CANARY" does not exist'), "error", "invalid"),
        (refuses(b"53300", b"sorry, too many clients already"), "error", "busy"),
        (refuses(b"57P03", b"the database system is starting up"), "error", "loading"),
        (garbage, "error", "invalid"),
        (hang_up, "disconnected", "refused"),
        (silence, "disconnected", "timeout"),
    ],
)
async def test_every_other_answer_is_one_state_row_90(talk: Talk, status: str, kind: str) -> None:
    async with server(talk) as dsn:
        async with asyncio.timeout(3):
            state = await look(dsn)
        assert (state.status, state.fault.kind if state.fault else None) == (status, kind)


@pytest.mark.parametrize(
    ("dsn", "status"),
    [
        ("postgresql://u:CANARY@127.0.0.1:9/x", "disconnected"),
        ("postgresql://u:CANARY@no-such-host.invalid/x", "disconnected"),
        ("host=/nowhere password=CANARY", "disconnected"),
        ("garbage CANARY", "unknown"),
        ("postgresql://u:CANARY%zz@h/db", "unknown"),
        ("postgresql://u:x@h/db?CANARY=1", "unknown"),
    ],
)
async def test_an_address_that_leads_nowhere_is_never_repeated_row_55(dsn: str, status: str) -> None:
    assert (await look(dsn)).status == status


async def test_a_missing_driver_is_said_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "psycopg", None)
    state = await look("postgresql://h/x")
    assert state.status == "unknown"
    assert state.fault is not None and "optimus-tui[postgres]" in str(state.fault.remedy)
