"""TLS to the server: a certificate that is not good is refused with the reason, and nothing was sent before."""

from pathlib import Path

import pytest

from optimus_tui.contract.reading import Reading
from optimus_tui.contract.services import ServerState
from optimus_tui.probes.server import read_server
from optimus_tui.settings.model import RedisTarget
from tests.certificates import make_certificate
from tests.live.probes.driver import observing
from tests.live.probes.tap import Tap
from tests.realserver import RealServer
from tests.relay import Relay

pytestmark = pytest.mark.live


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
