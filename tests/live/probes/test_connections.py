"""Every road to a server learns the same lessons: the observer, the operator and the feed; and the HTTP probes."""

import contextlib
import socket
import ssl
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from optimus_tui.actions.redis.operator_connection import ConnectionLost, Permit, open_operator_connection
from optimus_tui.contract.reading import Fault
from optimus_tui.probes.faults import OUTAGES, fault_of
from optimus_tui.probes.load_meter import LoadMeter
from optimus_tui.settings.load import load
from optimus_tui.settings.model import RedisTarget
from optimus_tui.settings.table import SettingsError
from tests.certificates import make_certificate
from tests.live.probes.driver import observing
from tests.live.probes.events.driver import Watch, watching
from tests.live.probes.roads import program
from tests.live.probes.scripted import ScriptedServer, blackhole
from tests.realserver import RealServer, free_port
from tests.relay import Relay

pytestmark = pytest.mark.live
SECONDS = 5.0


@pytest.fixture
def watch() -> Iterator[Watch]:
    yield from watching()


async def observed(target: RedisTarget) -> Fault | None:
    """What stops the observer; None where it is answered."""
    async with observing(target) as redis:
        try:
            assert await redis.ping() == b"PONG"
        except OUTAGES as error:
            return fault_of(error, target)
    return None


async def operated(target: RedisTarget) -> Fault | None:
    """What stops the operator."""
    try:
        wire = await open_operator_connection(target, Permit(db=target.db), LoadMeter())
        assert await wire.ask("PING") == b"PONG"
    except ConnectionLost as lost:
        return lost.fault
    await wire.close()
    return None


def fed(watch: Watch, target: RedisTarget) -> Fault | None:
    """What stops the feed."""
    feed = watch(**{name: getattr(target, name) for name in target.__struct_fields__})
    feed.until(lambda batch: batch.status.state != "connecting", SECONDS)
    return None if feed.status.state == "live" else feed.status.fault


async def on_every_road(watch: Watch, target: RedisTarget) -> list[Fault | None]:
    roads: list[Callable[[RedisTarget], Awaitable[Fault | None]]] = [observed, operated]
    return [await road(target) for road in roads] + [fed(watch, target)]


@pytest.mark.parametrize("dead", ["refused", "silent"])
async def test_a_dead_first_address_of_a_name_costs_a_moment_on_every_road(
    server: RealServer, watch: Watch, two_addresses: Callable[[str], None], dead: str
) -> None:
    target = RedisTarget(host="two.test", port=server.port)
    with blackhole(server.port) if dead == "silent" else contextlib.nullcontext("127.0.0.8") as address:
        two_addresses(address)
        assert await on_every_road(watch, target) == [None, None, None]


async def test_tls_on_a_plain_port_and_the_reverse_name_the_remedy_on_every_road(
    server: RealServer, watch: Watch, tmp_path: Path
) -> None:
    _, context = make_certificate(tmp_path, "20200101000000Z", "20900101000000Z")
    relay = Relay(server.port, context)
    plain = RedisTarget(host="localhost", port=relay.port)
    secured = RedisTarget(scheme="rediss", host="localhost", port=server.port)
    for target, remedy in ((plain, "use rediss://"), (secured, "use redis://")):
        for fault in await on_every_road(watch, target):
            assert fault is not None
            assert (fault.kind, remedy in str(fault.remedy)) == ("tls", True), fault
    relay.stop()


def asking_for_a_certificate(folder: Path, server: RealServer) -> tuple[Path, Relay]:
    """A relay that lets in only who shows the certificate in ``folder``."""
    cert, context = make_certificate(folder, "20200101000000Z", "20900101000000Z")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cert)
    return cert, Relay(server.port, context)


async def test_a_client_certificate_opens_every_road(server: RealServer, watch: Watch, tmp_path: Path) -> None:
    cert, relay = asking_for_a_certificate(tmp_path, server)
    query = f"ssl_ca_certs={cert}&ssl_certfile={cert}&ssl_keyfile={tmp_path / 'key.pem'}"
    settings = load({}, {"REDIS_URL": f"rediss://localhost:{relay.port}?{query}"}, tmp_path, None)
    assert await on_every_road(watch, settings.redis) == [None, None, None]
    without = RedisTarget(scheme="rediss", host="localhost", port=relay.port, tls_ca=str(cert))
    for fault in await on_every_road(watch, without):
        assert fault is not None
        assert (fault.kind, fault.remedy) == ("tls", "add ssl_certfile and ssl_keyfile to the address"), fault
    relay.stop()


async def test_a_real_server_that_asks_for_client_certificates(watch: Watch, tmp_path: Path) -> None:
    cert, _ = make_certificate(tmp_path, "20200101000000Z", "20900101000000Z")
    key, port = tmp_path / "key.pem", free_port()
    files = {"tls_cert_file": str(cert), "tls_key_file": str(key), "tls_ca_cert_file": str(cert)}
    real = RealServer(program("redis-server"), tls_port=str(port), **files).start()
    place = {"scheme": "rediss", "host": "localhost", "port": port, "tls_ca": str(cert)}
    known = RedisTarget(**place, tls_cert=str(cert), tls_key=str(key))  # type: ignore[arg-type]
    assert await on_every_road(watch, known) == [None, None, None]
    for fault in await on_every_road(watch, RedisTarget(**place)):  # type: ignore[arg-type]
        assert fault is not None
        assert (fault.kind, "ssl_certfile" in str(fault.remedy)) == ("tls", True), fault
    real.stop()


def test_a_certificate_file_that_cannot_be_used_is_a_settings_error(tmp_path: Path) -> None:
    cert, _ = make_certificate(tmp_path, "20200101000000Z", "20900101000000Z")
    other = tmp_path / "other"
    other.mkdir()
    make_certificate(other, "20200101000000Z", "20900101000000Z")
    noise = tmp_path / "noise.pem"
    noise.write_text("nothing")
    locked = tmp_path / "locked.pem"
    command = ["openssl", "pkey", "-in", str(tmp_path / "key.pem"), "-aes256", "-passout", "pass:CANARY"]
    subprocess.run([*command, "-out", str(locked)], check=True, capture_output=True)
    for query, words in (
        ("ssl_certfile=missing.pem", "ssl_certfile missing.pem cannot be read: No such file"),
        (f"ssl_certfile={cert}&ssl_keyfile={other / 'key.pem'}", "do not belong together"),
        (f"ssl_certfile={noise}&ssl_keyfile={noise}", "in PEM form"),
        (f"ssl_certfile={cert}", "in PEM form"),
        (f"ssl_keyfile={tmp_path / 'key.pem'}", "needs ssl_certfile"),
        (f"ssl_ca_certs={noise}", "holds no certificates"),
        (f"ssl_certfile={cert}&ssl_keyfile={locked}", "is encrypted and ssl_password is not given"),
        (f"ssl_certfile={cert}&ssl_keyfile={locked}&ssl_password=wrong", "encrypted with another password"),
    ):
        with pytest.raises(SettingsError) as refused:
            load({}, {"REDIS_URL": f"rediss://h?{query}"}, tmp_path, None)
        assert words in str(refused.value) and "CANARY" not in str(refused.value)
    query = f"ssl_certfile=cert.pem&ssl_keyfile={locked}&ssl_password=CANARY"
    target = load({}, {"REDIS_URL": f"rediss://h?{query}"}, tmp_path, None).redis
    assert target.tls_cert == str(cert) and "CANARY" not in repr(target)


def before_hello(words: list[bytes]) -> bytes | None:
    """A proxy that knows no HELLO and no CLIENT, and hangs up on what it does not know."""
    answers = {b"PING": b"+PONG\r\n", b"SELECT": b"+OK\r\n", b"GET": b"$-1\r\n"}
    if words[0].upper() == b"PSUBSCRIBE":
        return b"*3\r\n$10\r\npsubscribe\r\n$%d\r\n%s\r\n:1\r\n" % (len(words[1]), words[1])
    return answers.get(words[0].upper())


async def test_a_proxy_that_hangs_up_on_hello_is_spoken_to_in_the_older_protocol(watch: Watch) -> None:
    proxy = ScriptedServer(before_hello)
    target = RedisTarget(host="127.0.0.1", port=proxy.port, db=1)
    assert [await observed(target), await operated(target)] == [None, None]
    feed = watch(proxy.port)
    feed.until_state("live", SECONDS)
    assert sum(words[0] == b"HELLO" for words in proxy.commands) == 1, "what was learnt is remembered"
    proxy.stop()


async def test_nutcracker_is_answered_through(server: RealServer, tmp_path: Path) -> None:
    binary = program("nutcracker")
    port, stats = free_port(), free_port()
    file = tmp_path / "nutcracker.yml"
    file.write_text(
        f"alpha:\n  listen: 127.0.0.1:{port}\n  redis: true\n  hash: fnv1a_64\n  distribution: ketama\n"
        f"  servers:\n   - 127.0.0.1:{server.port}:1\n"
    )
    process = subprocess.Popen(  # noqa: ASYNC220
        [binary, "-c", str(file), "-s", str(stats)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.5):
                break
        server.command("SET", "rate_limit:acme:chat", "7")
        target = RedisTarget(host="127.0.0.1", port=port)
        async with observing(target) as redis:
            assert await redis.ping() == b"PONG"
            assert await redis.execute_command("GET", "rate_limit:acme:chat") == b"7"
    finally:
        process.kill()
        process.wait()
