"""TLS to the server: a certificate that is not good is refused with the reason, and nothing was sent before."""

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from optimus_tui.contract.reading import Reading
from optimus_tui.contract.services import ServerState
from optimus_tui.probes.server import read_server
from optimus_tui.settings.model import RedisTarget
from tests.live.observer import observing
from tests.live.tap import Tap
from tests.realserver import RealServer
from tests.relay import Relay

pytestmark = pytest.mark.live

_CA = """
[ca]
default_ca = here
[here]
database = {0}/index
new_certs_dir = {0}
serial = {0}/serial
default_md = sha256
policy = any
x509_extensions = ext
[any]
commonName = supplied
[ext]
subjectAltName = DNS:localhost
basicConstraints = CA:TRUE
"""


def make_certificate(where: Path, start: str, end: str) -> tuple[Path, ssl.SSLContext]:
    """A self-signed certificate for localhost that is good from ``start`` to ``end`` (YYYYMMDDHHMMSSZ)."""
    tool = shutil.which("openssl")
    if not tool:
        pytest.skip("no openssl to make a certificate with")
    cert, key, asked, rules = where / "cert.pem", where / "key.pem", where / "asked.pem", where / "rules"
    rules.write_text(_CA.format(where))
    (where / "index").touch()
    (where / "serial").write_text("01")
    kind = ("-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=localhost")
    subprocess.run([tool, "req", *kind, "-keyout", key, "-out", asked], check=True, capture_output=True)
    signing = ("-selfsign", "-batch", "-notext", "-startdate", start, "-enddate", end)
    files = ("-config", rules, "-keyfile", key, "-in", asked, "-out", cert)
    subprocess.run([tool, "ca", *signing, *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return cert, context


async def look(target: RedisTarget) -> Reading[ServerState]:
    async with observing(target) as redis:
        return await read_server(redis, target, redis.own, redis.own.clock)


async def test_only_a_good_certificate_is_accepted_row_54(server: RealServer, tmp_path: Path) -> None:
    cert, context = make_certificate(tmp_path, "20200101000000Z", "20900101000000Z")
    tap = Tap(server.port)
    relay = Relay(tap.port, context)
    good = RedisTarget(scheme="rediss", host="localhost", port=relay.port, tls_ca=str(cert))
    assert (await look(good)).value
    careless = RedisTarget(scheme="rediss", host="127.0.0.1", port=relay.port, tls_verify=False)
    assert (await look(careless)).value
    before = len(tap.commands)
    wrong_name = RedisTarget(scheme="rediss", host="127.0.0.1", port=relay.port, tls_ca=str(cert))
    unknown = RedisTarget(scheme="rediss", host="localhost", port=relay.port)
    for target, word in ((wrong_name, "IP address mismatch"), (unknown, "self")):
        fault = (await look(target)).fault
        assert fault
        assert fault.kind == "tls"
        assert word in fault.message
    assert len(tap.commands) == before
    relay.stop()
    tap.stop()


async def test_an_expired_certificate_is_refused_row_54(server: RealServer, tmp_path: Path) -> None:
    cert, context = make_certificate(tmp_path, "20200101000000Z", "20200201000000Z")
    relay = Relay(server.port, context)
    fault = (await look(RedisTarget(scheme="rediss", host="localhost", port=relay.port, tls_ca=str(cert)))).fault
    assert fault
    assert (fault.kind, "expired" in fault.message) == ("tls", True)
    relay.stop()


async def test_plain_text_on_a_tls_port_and_the_reverse_are_named_row_53(server: RealServer, tmp_path: Path) -> None:
    _, context = make_certificate(tmp_path, "20200101000000Z", "20900101000000Z")
    relay = Relay(server.port, context)
    fault = (await look(RedisTarget(host="localhost", port=relay.port))).fault
    assert fault
    assert (fault.kind, fault.remedy) == ("tls", "use rediss:// instead of redis:// in the address")
    relay.stop()
    fault = (await look(RedisTarget(scheme="rediss", host="localhost", port=server.port))).fault
    assert fault
    assert (fault.kind, fault.remedy) == ("tls", "use redis:// instead of rediss://")
