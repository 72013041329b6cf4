"""A reply is bounded while it is read, by its command, on every road; and no bytes of a server are a bug of ours."""

import asyncio
import random
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import hiredis
import psutil
import pytest
from redis.exceptions import RedisError

from optimus_tui.actions.redis.operator_connection import ConnectionLost, Permit, open_operator_connection
from optimus_tui.clock import Clock
from optimus_tui.probes.counters import read_counters
from optimus_tui.probes.events.feed import FeedReader
from optimus_tui.probes.faults import OUTAGES, fault_of
from optimus_tui.probes.load_meter import LoadMeter
from optimus_tui.probes.redis.observer import observer_client
from optimus_tui.probes.redis.parser import ReplyHeads, ReplyTooLarge, Unbounded, reply_cap
from optimus_tui.probes.server import read_server
from optimus_tui.settings.model import RedisTarget
from tests.amounts import amount
from tests.patience import PATIENCE
from tests.realserver import RealServer

GREETING = {b"HELLO": b"-ERR unknown command\r\n", b"CLIENT": b"+OK\r\n", b"SELECT": b"+OK\r\n", b"AUTH": b"+OK\r\n"}
PIECE = 1 << 20
Flood = Callable[[list[bytes]], Iterator[bytes]]


@contextmanager
def flooding(flood: Flood) -> Iterator[RedisTarget]:
    """A server that greets and then answers each command with what ``flood`` yields, for as long as it is read."""
    listener = socket.create_server(("127.0.0.1", 0))

    def talk(near: socket.socket) -> None:
        reader = hiredis.Reader()
        with closing(near):
            try:
                while data := near.recv(65536):
                    reader.feed(data)
                    while (words := reader.gets()) is not False:
                        name = words[0].upper()
                        for piece in [GREETING[name]] if name in GREETING else flood(words):
                            near.sendall(piece)
            except (OSError, hiredis.ProtocolError):
                return

    def serve() -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=talk, args=(near,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    with closing(listener):
        yield RedisTarget(host="127.0.0.1", port=listener.getsockname()[1])


def bulk(size: int = 256 * PIECE) -> Flood:
    def flood(_: list[bytes]) -> Iterator[bytes]:
        yield b"$%d\r\n" % size
        for _ in range(size // PIECE):  # type: ignore[assignment]
            yield bytes(PIECE)
        yield b"\r\n"

    return flood


def many(_: list[bytes]) -> Iterator[bytes]:
    yield b"*50000000\r\n"
    for _ in range(200):  # type: ignore[assignment]
        yield b":1\r\n" * (PIECE // 4)


def pushes(_: list[bytes]) -> Iterator[bytes]:
    for _ in range(200):  # type: ignore[assignment]
        yield b">2\r\n$1\r\nx\r\n$1048576\r\n" + bytes(PIECE) + b"\r\n"


def deep(_: list[bytes]) -> Iterator[bytes]:
    yield b"*1\r\n" * 100_000 + b":1\r\n"


def rss() -> int:
    return int(psutil.Process().memory_info().rss)


@pytest.mark.parametrize("flood", [bulk(), many, pushes, deep], ids=["bulk", "many", "pushes", "deep"])
@pytest.mark.parametrize(
    "words", [("INFO",), ("GET", "k"), ("SCAN", "0", "COUNT", "10"), ("GETRANGE", "k", "0", "10"), ("DBSIZE",)]
)
async def test_the_observer_drops_what_is_too_large_before_it_is_held(flood: Flood, words: tuple[str, ...]) -> None:
    with flooding(flood) as target:
        own = LoadMeter()
        client = observer_client(target, own)
        before = rss()
        with pytest.raises(RedisError) as raised:
            await asyncio.wait_for(client.execute_command(*words), PATIENCE)
        assert rss() - before < 40 * PIECE
        fault = fault_of(raised.value, target)
        assert fault.kind == "invalid", fault
        if flood not in (deep, many):
            assert isinstance(raised.value, ReplyTooLarge) and "dropped" in fault.message
            assert fault.message.count(words[0]) == 1
        assert own.losses == 1
        await client.aclose()


async def test_the_operators_connection_ends_there_as_well() -> None:
    asked: list[bytes] = []

    def flood(words: list[bytes]) -> Iterator[bytes]:
        asked.append(words[0])
        return bulk()(words)

    with flooding(flood) as target:
        wire = await open_operator_connection(target, Permit(), LoadMeter())
        before = rss()
        with pytest.raises(ConnectionLost) as lost:
            await wire.ask("PTTL", "k")
        assert "65,536 bytes" in lost.value.fault.message and rss() - before < 40 * PIECE
        with pytest.raises(ConnectionLost):
            await wire.ask("PING")
        await asyncio.sleep(0.1)
        assert asked == [b"PTTL"]
        await wire.close()


async def test_a_message_without_end_costs_the_feed_its_link_and_no_memory() -> None:
    """Take ``MAX_MESSAGE`` out of probes/feed_link, and this fails."""

    def flood(words: list[bytes]) -> Iterator[bytes]:
        if words[0].upper() == b"PING":
            return
        yield b"*3\r\n$10\r\npsubscribe\r\n$17\r\ncache_coherence:*\r\n:1\r\n"
        yield b"*4\r\n$8\r\npmessage\r\n$17\r\ncache_coherence:*\r\n$17\r\ncache_coherence:x\r\n$300000000\r\n"
        for _ in range(280):
            yield bytes(PIECE)

    with flooding(flood) as target:
        reader = FeedReader(target, LoadMeter(), Clock())
        before, most, fault = rss(), 0, None
        reader.start()
        try:
            deadline, more = time.monotonic() + PATIENCE, 25
            while more and time.monotonic() < deadline:
                await asyncio.sleep(0.02)
                most = max(most, rss() - before)
                fault = fault or reader.drain().status.fault
                more -= fault is not None
        finally:
            reader.stop()
        assert fault is not None and fault.kind == "invalid" and "message without end" in fault.message
        assert most < 40 * PIECE


async def test_one_counter_of_a_megabyte_hides_no_other(server: RealServer) -> None:
    server.command("SET", "rate_limit:acme:chat", "12", "EX", "100")
    server.command("SET", "rate_limit:acme:large", "9" * PIECE, "EX", "100")
    client = observer_client(RedisTarget(host="127.0.0.1", port=server.port), LoadMeter())
    names = [b"rate_limit:acme:large", b"rate_limit:acme:chat", b"rate_limit:acme:gone"]
    large, chat, gone = await read_counters(client, client.own, Clock(), names)
    await client.aclose()
    assert not isinstance(large, bytes) and large.count is None and large.problem == "not a number"
    assert not isinstance(chat, bytes) and chat.count == 12
    assert gone == names[2]


def test_caps_are_by_command_and_a_page_by_its_count() -> None:
    assert reply_cap((b"INFO",)) == reply_cap(("info", "all")) == 1 << 20
    assert reply_cap((b"GET", b"k")) == reply_cap((b"GETRANGE", b"k", 0, 9)) == 64 * 1024
    assert reply_cap(("SCAN", 0, "COUNT", 1000)) == 1000 * 4096 < reply_cap(("SCAN", 0, "COUNT", 10_000))
    assert reply_cap(("LRANGE", "k", 0, -1)) == 16 << 20
    assert reply_cap(("NOBODY_KNOWS",)) == 1 << 20


@pytest.mark.parametrize("size", [1, 3, 7, 100_000])
def test_announcements_are_followed_whatever_the_pieces(size: int) -> None:
    def check(data: bytes) -> None:
        heads = ReplyHeads()
        for at in range(0, len(data), size):
            heads.check(data[at : at + size])

    page = b"*2\r\n$1\r\n0\r\n*2\r\n$16\r\n*2147483648\r\n+-:\r\n%1\r\n+a\r\n$-1\r\n*0\r\n*-1\r\n:5\r\n"
    check(page * 50)  # an announcement within a name is none
    for bad in (b"*2147483648\r\n", b"*1\r\n" * 40, b"*2\r\n*999999\r\n", b"%600000\r\n", b"+" + b"x" * 70_000):
        with pytest.raises(Unbounded):
            check(page + bad)


@pytest.mark.parametrize("size", [1, 3, 7, 100_000])
def test_a_quick_look_sees_every_list_and_is_not_misled_by_names(size: int) -> None:
    def check(data: bytes) -> None:
        heads = ReplyHeads()
        heads.begin()
        for at in range(0, len(data), size):
            heads.check(data[at : at + size])

    name = b"\r\n*999999\r\n%999999:"
    named = b"$%d\r\n%s\r\n" % (len(name), name)
    for page in (b"*2\r\n$1\r\n0\r\n*2\r\n" + named + named, b"*40\r\n" + named * 40):
        check(page)
        for bad in (b"*2147483648\r\n", b"*1\r\n" * 40, b"*2\r\n*999999\r\n", b"%600000\r\n"):
            with pytest.raises(Unbounded):
                check(page + bad)


def anything(source: random.Random, depth: int = 0) -> bytes:
    """One reply, often none that is well formed."""
    kind = source.choice(b"+-:$*~%>_#,(=!|" if depth < 4 else b"+-:$_#,(")
    text = bytes(source.choices(range(256), k=source.randint(0, 12)))
    size = source.choice([0, 1, 2, 3, 7, -1, 10**6, 2**31, 10**30]) if source.random() < 0.2 else source.randint(0, 4)
    if kind in b"*~%>|":
        inner = b"".join(anything(source, depth + 1) for _ in range(min(size, 8) if size > 0 else 0))
        return b"%c%d\r\n" % (kind, size) + inner
    if kind in b"$=!":
        return b"%c%d\r\n%s\r\n" % (kind, size if source.random() < 0.2 else len(text), text)
    if kind in b":(,":
        return b"%c%s\r\n" % (kind, source.choice([b"1", b"-5", b"x", b"", b"9" * 40, b"inf", b"nan", text]))
    if kind == ord("-"):
        return b"-%s %s\r\n" % (source.choice([b"ERR", b"NOPERM", b"LOADING", b"MOVED 1", b"", b"WRONGTYPE"]), text)
    return b"%c%s\r\n" % (kind, text)


@pytest.mark.parametrize("error", [b"MOVED 1", b"ASK x", b"", b"MOVED a b:c"])
async def test_errors_that_cannot_be_read_before_a_map_do_not_end_the_process(error: bytes) -> None:
    """Two exceptions within one reply left one pending in hiredis, and its maps crashed. Run in a child of its own."""
    reply = b"*3\r\n" + b"-%s\r\n" % error * 2 + b"%1\r\n+a\r\n+b\r\n"
    program = f"""
import hiredis
from redis.exceptions import InvalidResponse
from optimus_tui.probes.redis.parser import PatientParser

reader = hiredis.Reader(protocolError=InvalidResponse, replyError=PatientParser(65536).parse_error)
reader.feed({reply!r})
first, second, pairs = reader.gets()
assert isinstance(first, Exception) and isinstance(second, Exception) and pairs == {{b"a": b"b"}}
"""
    done = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stderr=asyncio.subprocess.PIPE)
    _, errors = await done.communicate()
    assert done.returncode == 0, errors.decode()


REPLIES = amount(4_000, 10_000)


@pytest.mark.parametrize("seed", range(4))
async def test_random_replies_are_no_bug_of_ours_and_the_next_good_one_is_read(
    seed: int,
) -> None:
    source = random.Random(seed)
    answered, spoilt = 0, True
    deadline = time.monotonic() + PATIENCE

    def flood(words: list[bytes]) -> Iterator[bytes]:
        nonlocal answered
        answered += 1
        if not spoilt:
            yield {b"PING": b"+PONG\r\n", b"INFO": b"$21\r\nredis_version:7.2.5\r\n\r\n"}.get(
                words[0].upper(), b":0\r\n"
            )
            return
        yield anything(source)
        if source.random() < 0.05:
            raise OSError  # it hangs up

    with flooding(flood) as target:
        client = observer_client(target, LoadMeter())
        commands = (("INFO",), ("GET", "k"), ("SCAN", "0"), ("SLOWLOG", "GET", "5"), ("TTL", "k"), ("DBSIZE",))
        while answered < REPLIES // 4:
            assert time.monotonic() < deadline
            pipe = client.pipeline()
            for _ in range(10):
                pipe.execute_command(*source.choice(commands))
            try:
                async with asyncio.timeout(0.02):
                    await pipe.execute(raise_on_error=False)
            except (*OUTAGES, TimeoutError) as error:  # type: ignore[misc]
                assert fault_of(error, target).kind != "bug", repr(error)
        for _ in range(10):
            answered_before = answered
            reading = await read_server(client, target, client.own, Clock())
            assert reading.fault is None or reading.fault.kind != "bug", reading.fault
            assert answered > answered_before or reading.fault is not None
        spoilt = False
        assert await client.execute_command("PING") == b"PONG"
        await client.aclose()
