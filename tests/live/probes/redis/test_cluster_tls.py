"""A real cluster whose nodes speak TLS and want a certificate: each is checked under the name it is reached by."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from optimus_tui.clock import Clock
from optimus_tui.context import Context
from optimus_tui.contract.reading import Fault
from optimus_tui.contract.services import ServerState
from optimus_tui.probes.server import read_server
from optimus_tui.settings.model import RedisTarget, Settings
from optimus_tui.settings.redis_url import parse_address_map, parse_redis_url
from optimus_tui.verdicts.gateway.services import judge_server
from tests.certificates import make_certificate
from tests.live.probes.driver import observing, run_sweep
from tests.realcluster import RealCluster, cluster_binary, say, until

pytestmark = pytest.mark.live
KEYS = [b"cache:conv:t%d:a" % number for number in range(9)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    make_certificate(folder, "20200101000000Z", "20900101000000Z")
    return folder


@pytest.fixture(scope="module")
def cluster(folder: Path) -> Iterator[RealCluster]:
    binary = cluster_binary()
    if b"tls-ca-cert-file" not in Path(binary).read_bytes():
        pytest.skip("this server has no TLS")
    running = RealCluster(binary, certificates=folder).start()
    try:
        running.put(*KEYS)
        yield running
    finally:
        running.stop()


def target(cluster: RealCluster, folder: Path, *, shown: bool = True, mapped: bool = True) -> RedisTarget:
    """The nodes announce 127.0.0.1, and their certificate is that of localhost."""
    places = ",".join(f"localhost:{port}" for port in cluster.tls_ports[:3])
    own = f"&ssl_certfile={folder}/cert.pem&ssl_keyfile={folder}/key.pem" if shown else ""
    found = parse_redis_url(f"rediss+cluster://{places}?ssl_ca_certs={folder}/cert.pem{own}", "REDIS_URL")
    table = {f"127.0.0.1:{port}": f"localhost:{port}" for port in cluster.tls_ports} if mapped else {}
    return replace(found, address_map=parse_address_map(table, "address_map"))


async def test_every_node_is_reached_by_tls_under_the_name_of_its_certificate(
    cluster: RealCluster, folder: Path
) -> None:
    context = Context(Settings(redis=target(cluster, folder)), Clock())
    try:
        pages, outcome = await run_sweep(context.redis)
        assert (outcome.complete, outcome.reason) == (True, None)
        assert {name for page in pages for name in page.names} == set(KEYS)
        state = (await read_server(context.redis, context.redis.target, context.own, context.clock)).value
        assert state is not None and len(state.nodes) == 6
        assert all(node.node is not None and node.node.fault is None for node in state.nodes)
        context.feed.start()
        until(lambda: context.feed.drain().status.state == "live")
        say(cluster.ports[1], "PUBLISH", "cache_coherence:t1", "{}")
        until(lambda: context.feed.drain().status.received == 1)
    finally:
        await context.aclose()


async def test_a_certificate_for_another_name_is_refused_and_nothing_is_sent_in_the_clear(
    cluster: RealCluster, folder: Path
) -> None:
    async with observing(target(cluster, folder, mapped=False)) as redis:
        _, outcome = await run_sweep(redis)
        reading = await read_server(redis, redis.target, redis.own, Clock())
    assert not outcome.complete and "mismatch" in (outcome.reason or "")
    assert reading.fault is not None and (reading.fault.kind, reading.value) == ("tls", None)


async def test_who_shows_no_certificate_is_told_that_one_is_wanted(cluster: RealCluster, folder: Path) -> None:
    async with observing(target(cluster, folder, shown=False)) as redis:
        reading = await read_server(redis, redis.target, redis.own, Clock())
    assert reading.fault is not None
    assert (reading.fault.kind, reading.fault.remedy) == ("tls", "add ssl_certfile and ssl_keyfile to the address")


def faults_of(state: ServerState | None) -> list[Fault]:
    assert state is not None
    return [node.node.fault for node in state.nodes if node.node is not None and node.node.fault is not None]


async def test_each_address_that_does_not_fit_has_its_own_remedy(cluster: RealCluster, folder: Path) -> None:
    """A plain port where TLS is spoken, an address out of reach, a name that is not the certificate's."""
    first, second, third = (f"127.0.0.1:{port}" for port in cluster.tls_ports[:3])
    table = dict(target(cluster, folder).address_map)
    table |= {first: f"localhost:{cluster.ports[0]}", third: third}
    aim = replace(target(cluster, folder), address_map=tuple(table.items()), port=cluster.tls_ports[1], others=())
    async with observing(aim) as redis:
        reading = await read_server(redis, redis.target, redis.own, Clock())
    plain, name = sorted(faults_of(reading.value), key=lambda fault: "mismatch" in fault.message)
    assert "speaks plain text" in plain.message and "mismatch" in name.message
    assert plain.remedy == (
        "set tls-cluster yes on the nodes, which announce the plain port, "
        f'or write in address_map "{first}" = "HOST:TLS-PORT"'
    )
    assert name.remedy == (
        "let the nodes announce a name of the certificate (cluster-preferred-endpoint-type hostname), "
        f'or write in address_map "{third}" = "NAME:PORT"'
    )
    aim = replace(aim, address_map=tuple((dict(target(cluster, folder).address_map) | {second: "localhost:1"}).items()))
    async with observing(aim) as redis:
        reading = await read_server(redis, redis.target, redis.own, Clock())
    (away,) = faults_of(reading.value)
    assert (away.kind, away.remedy) == (
        "refused",
        f'see its process, or write in address_map where it is reached from here: "{second}" = "HOST:PORT"',
    )
    (told,) = (one.remedy for one in judge_server(reading) if one.rule == "server.cluster_node")
    assert told == "S" + (away.remedy or "")[1:]


@pytest.mark.parametrize(
    ("address", "said", "remedy"),
    [
        ("rediss+cluster://localhost:{0}", "self", "name its authority with ssl_ca_certs or SSL_CERT_FILE"),
        ("rediss+cluster://localhost:{0}?ssl_ca_certs={1}/cert.pem", "self", "it is of another authority than"),
        (
            "redis+cluster://localhost:{0}",
            "speaks TLS",
            "use rediss+cluster:// instead of redis+cluster:// in the addr",
        ),
    ],
)
async def test_what_is_wrong_with_every_node_is_said_of_the_cluster(
    cluster: RealCluster, tmp_path: Path, address: str, said: str, remedy: str
) -> None:
    make_certificate(tmp_path, "20200101000000Z", "20900101000000Z")
    aim = parse_redis_url(address.format(cluster.tls_ports[0], tmp_path), "REDIS_URL")
    async with observing(aim) as redis:
        reading = await read_server(redis, redis.target, redis.own, Clock())
    assert reading.fault is not None and reading.fault.kind == "tls"
    assert said in reading.fault.message and (reading.fault.remedy or "").startswith(remedy)
