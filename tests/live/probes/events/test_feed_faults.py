"""What keeps the feed from its server: each named once, none hammered, and none able to hold up the end."""

import asyncio
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from optimus_tui.contract.reading import Fault
from optimus_tui.dialects.feeds.messages import subscription_of
from optimus_tui.dialects.layout import own_layout
from optimus_tui.probes.events import link as feed_link
from optimus_tui.probes.events.link import packed
from optimus_tui.probes.events.losses import LinkLost, lost_by_reply
from optimus_tui.probes.load_meter import LoadMeter
from optimus_tui.probes.redis.commands import CommandRefused
from optimus_tui.probes.redis.dialing import Connector
from optimus_tui.settings.model import RedisTarget, Secret
from tests.live.probes.events.driver import Feed, Watch, event, watching
from tests.patience import PATIENCE
from tests.realserver import RealServer
from tests.relay import Parrot, Relay

pytestmark = pytest.mark.live

MakeServer = Callable[..., RealServer]
OBSERVER = (
    *("reset", "on", ">CHANGE-ME", "resetkeys", "resetchannels", "-@all", "%R~cache_coherence*", "&cache_coherence:*"),
    *("+hello", "+auth", "+ping", "+client|setname", "+lrange", "+subscribe", "+psubscribe"),
)


@pytest.fixture
def watch() -> Iterator[Watch]:
    yield from watching()


@pytest.fixture
def parrot() -> Iterator[Callable[[bytes], Parrot]]:
    made: list[Parrot] = []

    def make(answer: bytes, *, close: bool = True) -> Parrot:
        made.append(Parrot(answer, close=close))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def fault_of(feed: Feed, state: str) -> Fault:
    feed.until_state(state)
    fault = feed.status.fault
    assert fault
    return fault


def test_a_denied_channel_is_denied_and_not_live_row_41(make_server: MakeServer, watch: Watch) -> None:
    server = make_server()
    server.command("ACL", "SETUSER", "ops", *OBSERVER, "resetchannels")
    feed = watch(server.port, username="ops", password=Secret("CHANGE-ME"))
    fault = fault_of(feed, "denied")
    assert fault.kind == "denied"
    assert "&cache_coherence:*" in (fault.remedy or "")
    assert 10 < (feed.status.retry_in or 0) <= 30
    server.command("ACL", "SETUSER", "ops", "&cache_coherence:*")
    feed.reader.retry()
    feed.until_state("live")
    assert feed.status.gaps == 0


def test_the_recommended_login_subscribes_and_loses_it_with_a_mark_row_42(
    make_server: MakeServer, watch: Watch
) -> None:
    server = make_server()
    server.command("ACL", "SETUSER", "ops", *OBSERVER)
    feed = watch(server.port, username="ops", password=Secret("CHANGE-ME"))
    feed.until_state("live")
    server.command("ACL", "SETUSER", "ops", "resetchannels")
    fault_of(feed, "denied")
    server.command("ACL", "SETUSER", "ops", "&cache_coherence:*")
    feed.reader.retry()
    feed.until_state("live")
    assert len(feed.until_gaps(1)) == 1


def test_a_login_without_ping_and_name_is_live_all_the_same(make_server: MakeServer, watch: Watch) -> None:
    server = make_server()
    server.command("ACL", "SETUSER", "ops", *OBSERVER, "-ping", "-client")
    feed = watch(server.port, username="ops", password=Secret("CHANGE-ME"))
    feed.until_state("live")
    first = feed.status.verified_mono or 0.0
    feed.until(lambda batch: (batch.status.verified_mono or 0.0) > first + 0.5)
    assert feed.status.state == "live"


@pytest.mark.parametrize("password", [None, "CANARY-wrong"])
def test_a_refused_login_is_not_tried_again_soon_row_44(
    make_server: MakeServer, watch: Watch, password: str | None
) -> None:
    server = make_server(requirepass="right")
    relay = Relay(server.port)
    feed = watch(relay.port, password=Secret(password) if password else None)
    fault = fault_of(feed, "denied")
    assert fault.kind == "auth"
    assert "CANARY" not in f"{fault}"
    assert 30 < (feed.status.retry_in or 0) <= 60
    assert relay.accepted == 1
    relay.stop()


def test_a_right_password_is_live_and_a_superfluous_one_is_told(
    server: RealServer, make_server: MakeServer, watch: Watch
) -> None:
    watch(make_server(requirepass="right").port, password=Secret("right")).until_state("live")
    feed = watch(server.port, password=Secret("CANARY"))
    fault = fault_of(feed, "denied")
    assert (fault.kind, "CANARY" in f"{fault}") == ("auth", False)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"HTTP/1.1 400 Bad Request\r\nServer: \x1b[2J\r\n\r\n<html>", "invalid"),
        (b"\x00\xff\x1b[2J garbage", "invalid"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "invalid"),
        (b"*3\r\n$3\r\nfoo\r\n:0\r\n:1\r\n", "invalid"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "tls"),
        (b"-LOADING Redis is loading the dataset in memory\r\n" * 2, "loading"),
        (b"-ERR max number of clients reached\r\n", "busy"),
        (b"-DENIED Redis is running in protected mode because \xff\r\n" * 2, "denied"),
        (b"-WEIRD \x1b]52;c;eA==\x07 [/]\r\n" * 2, "invalid"),
        (b"", "refused"),
    ],
)
def test_what_is_no_usable_server_is_one_fault_and_no_loop_row_53(
    parrot: Callable[[bytes], Parrot], watch: Watch, answer: bytes, kind: str
) -> None:
    other = parrot(answer)
    feed = watch(other.port)
    fault = fault_of(feed, "denied" if kind == "denied" else "down")
    assert fault.kind == kind
    assert "\x1b" not in f"{fault.message}{fault.remedy}"
    seen = other.accepted
    feed.until(lambda batch: batch.status.retry_in is not None)
    end = time.monotonic() + 0.3
    feed.until(lambda batch: time.monotonic() > end)
    assert other.accepted - seen <= 4
    assert feed.status.received == feed.status.gaps == 0


def test_a_server_that_says_nothing_is_a_timeout_after_one_second(parrot: Callable[..., Parrot], watch: Watch) -> None:
    fault = fault_of(watch(parrot(b"", close=False).port), "down")
    assert (fault.kind, "no answer for 1.0 s" in fault.message) == ("timeout", True), fault


def test_no_server_is_a_fault_at_once_and_live_once_there_row_33(make_server: MakeServer, watch: Watch) -> None:
    server = make_server()
    server.kill()
    feed = watch(server.port)
    assert fault_of(feed, "down").kind == "refused", "and no timeout was waited for"
    server.start()
    feed.until_state("live")
    assert feed.status.gaps == 0


def test_no_room_for_a_client_is_busy_and_heals_row_46(make_server: MakeServer, watch: Watch) -> None:
    server = make_server()
    server.command("CONFIG", "SET", "maxclients", "1")
    with socket.create_connection(("127.0.0.1", server.port)) as other:
        other.sendall(b"PING\r\n")
        assert other.recv(16)
        feed = watch(server.port)
        assert fault_of(feed, "down").kind in ("busy", "refused")
    feed.until_state("live")


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """A self-signed certificate for localhost, and a context that shows it."""
    tool = shutil.which("openssl")
    if not tool:
        pytest.skip("no openssl to make a certificate with")
    where = tmp_path_factory.mktemp("tls")
    cert, key = where / "cert.pem", where / "key.pem"
    kind = ("-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    names = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    subprocess.run([tool, "req", *kind, *names, "-keyout", key, "-out", cert], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return cert, context


def test_tls_is_live_with_its_ca_and_refused_without_row_54(
    server: RealServer, watch: Watch, certificate: tuple[Path, ssl.SSLContext]
) -> None:
    cert, context = certificate
    relay = Relay(server.port, context)
    place = {"scheme": "rediss", "host": "localhost"}
    trusting = watch(relay.port, **place, tls_ca=str(cert))
    careless = watch(relay.port, **place, tls_verify=False)
    strict = watch(relay.port, **place)
    wrong_name = watch(relay.port, **place | {"host": "127.0.0.1"}, tls_ca=str(cert))
    plain = watch(relay.port)
    no_tls_there = watch(server.port, **place, tls_verify=False)
    trusting.until_state("live")
    careless.until_state("live")
    for feed in (strict, wrong_name):
        assert fault_of(feed, "down").kind == "tls"
    fault = fault_of(plain, "down")
    assert (fault.kind, fault.remedy) == ("tls", "use rediss:// instead of redis:// in the address")
    fault = fault_of(no_tls_there, "down")
    assert (fault.kind, fault.remedy) == ("tls", "use redis:// instead of rediss://")
    for number in range(500):
        server.command("PUBLISH", "cache_coherence:t", event(number) + " " * 3000)
    trusting.until(lambda batch: batch.status.received == 500)
    relay.stop()


def test_a_unix_socket_serves_and_a_missing_one_is_told(make_server: MakeServer, watch: Watch, tmp_path: Path) -> None:
    path = str(tmp_path / "r.sock")
    missing = watch(path=path)
    assert fault_of(missing, "down").kind == "refused"
    make_server(unixsocket=path)
    missing.until_state("live")


def test_a_name_that_does_not_resolve_is_told_row_90(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    fault = fault_of(watch(6379, host="no-such-host.invalid"), "down")
    assert (fault.kind, "does not resolve" in fault.message) == ("refused", True)


def test_a_name_server_that_hangs_holds_up_nothing_row_90(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, answer = threading.Event(), threading.Event()

    def hang(*_: object, **__: object) -> list[object]:
        asked.set()
        answer.wait(PATIENCE)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    feed = watch(6379, host="slow.invalid")
    assert asked.wait(PATIENCE)
    feed.reader.stop()
    assert not answer.is_set() and asked.is_set(), "it did not wait for the name server"
    answer.set()


def test_stopping_is_prompt_whatever_the_reader_does(
    server: RealServer, parrot: Callable[..., Parrot], watch: Watch
) -> None:
    silent = parrot(b"", close=False)
    denied = parrot(b"-NOAUTH Authentication required.\r\n" * 2)
    feeds = [watch(server.port), watch(silent.port), watch(denied.port), watch(1)]
    feeds[0].until_state("live")
    feeds[2].until_state("denied")
    feeds[3].until_state("down")
    for feed in feeds:
        others = threads() - 1
        feed.reader.stop(30)
        assert threads() == others
        feed.reader.start()
        assert threads() == others + 1, "it can be started again"
        feed.reader.stop(30)
        assert threads() == others


def threads() -> int:
    """Count the threads of all readers."""
    return sum(one.name == "optimus-feed" for one in threading.enumerate())


async def test_a_process_that_was_suspended_does_not_take_its_link_for_dead(server: RealServer) -> None:
    alive: list[float] = []
    connector = Connector(RedisTarget(host="127.0.0.1", port=server.port))
    link = feed_link.FeedLink(
        connector,
        LoadMeter(),
        lambda _: None,
        lambda: alive.append(time.monotonic()),
        subscription_of(own_layout().dialect),
        silence_seconds=1.0,
    )
    await link.open()
    staying = asyncio.ensure_future(link.stay())
    await asyncio.sleep(0.05)
    time.sleep(1.5)  # noqa: ASYNC251  the whole process stands still, as after Ctrl-Z
    seen = len(alive)
    while len(alive) == seen:
        await asyncio.sleep(0.01)
        assert not staying.done()
    server.command("CLIENT", "KILL", "TYPE", "pubsub")
    with pytest.raises(LinkLost):
        await staying


@pytest.mark.parametrize(
    "words", [(b"SET", b"a", b"b"), (b"PUBLISH", b"a", b"b"), (b"GET", b"a"), (b"CLIENT", b"KILL")]
)
def test_the_link_cannot_say_what_is_not_on_its_list_row_77(words: tuple[bytes, ...]) -> None:
    with pytest.raises(CommandRefused):
        packed(*words)


def test_an_error_line_that_echoes_the_password_does_not_show_it() -> None:
    target = RedisTarget(password=Secret("CANARY"))
    lost = lost_by_reply("ERR unknown command 'AUTH', with args beginning with: 'CANARY'", target)
    assert "CANARY" not in f"{lost.fault}{lost.cause}"
