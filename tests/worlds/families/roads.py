"""Ways to the servers: named environments, settings from the wild, TLS where none is, dead addresses, proxies."""

import asyncio

from tests.realserver import RealServer, server_binary
from tests.worlds.catalogue import world
from tests.worlds.links import tls_before
from tests.worlds.services import Service
from tests.worlds.world import World


def _second_server(w: World) -> RealServer:
    binary = server_binary()
    assert binary
    server = RealServer(binary).start()
    w.ends.callback(server.stop)
    return server


@world(night=True)
async def named_environment_against_a_variable(w: World) -> None:
    """``--env prod`` with an exported REDIS_URL of another server: prod is prod, and the variable is mentioned."""
    w.counter("rate_limit:acme:chat", 5)  # the exported, healthy server
    prod = _second_server(w)
    prod.command("SET", "rate_limit:acme:chat", "7")  # immortal, in prod only
    urls = {"redis_url": prod.url, "backend_orchestrator_url": w.gateway.url, "ai_engine_url": w.engine.url}
    lines = [f'{name} = "{url}"' for name, url in urls.items()]
    (w.home / "optimus.toml").write_text("\n".join(["[env.prod]", *lines, ""]))
    answer = await w.cli("standup", "--json", "--env", "prod")
    immortal = answer.doc.get("limits", {}).get("immortal")
    w.expect("prod's counter", "1 immortal", immortal, immortal == 1)
    w.expect("the variable is mentioned", "REDIS_URL once on stderr", answer.text[-300:], "REDIS_URL" in answer.text)
    run = await w.cli("run", "diagnose_gateway_health", '{"tenant_id": "acme"}', "--env", "prod")
    w.found("run sees prod too", run, "acme", least="critical")
    flag = await w.cli("standup", "--json", "--env", "prod", "--redis-url", w.redis.url)
    immortal = flag.doc.get("limits", {}).get("immortal")
    w.expect("a flag overrides it", "0 immortal", immortal, immortal == 0)
    plain = await w.cli("standup", "--json")
    w.spared("without --env the variable counts", plain)


@world(healthy=True)
async def settings_from_the_wild(w: World) -> None:
    """Quotes round a URL, valkey://, redis-py's client options, an SQLAlchemy DSN: understood or named and ignored."""
    w.counter("rate_limit:acme:chat", 5)
    port = w.redis.port
    w.env["POSTGRES_DSN"] = "postgresql+asyncpg://app:pw@127.0.0.1:1/app"
    for url in (
        f"redis://127.0.0.1:{port}/0?health_check_interval=30&decode_responses=True",
        f'"redis://127.0.0.1:{port}/0"',
        f"valkey://127.0.0.1:{port}/0",
    ):
        w.env["REDIS_URL"] = url
        answer = await w.run("diagnose_gateway_health", tenant_id="acme")
        status = answer.doc.get("redis", {}).get("status")
        w.expect(
            f"{url.replace(str(port), 'PORT')}", "connected", answer.summary + answer.text[-200:], status == "connected"
        )
        w.expect("the password is not told", "no pw", "", ":pw@" not in answer.text)


@world(healthy=True)
async def name_whose_first_address_is_dead(w: World) -> None:
    """``localhost`` is ::1 first, and the server listens on 127.0.0.1 only: the second address is taken."""
    w.counter("rate_limit:acme:chat", 5)
    w.env["REDIS_URL"] = f"redis://localhost:{w.redis.port}/0"
    w.env["BACKEND_ORCHESTRATOR_URL"] = f"http://localhost:{w.gateway.port}"
    w.spared("diagnose", await w.diagnose())
    panes = await w.panes(2.5, ("server", "keys", "feed", "gateway", "engine"))
    state = panes.last["feed"].status.state
    w.expect("the feed", "live", state, state == "live")


async def _tls(w: World, port: int, *, client: bool = False) -> int:
    return await w.ends.enter_async_context(tls_before(w.home, port, client=client))


@world(needs=("openssl",))
async def tls_on_a_plain_port_and_the_reverse(w: World) -> None:
    """Four times the wrong scheme: each message is one sentence that names the right one."""
    plain, tls = w.redis.port, await _tls(w, w.redis.port)
    for url, word in ((f"rediss://127.0.0.1:{plain}/0", "redis://"), (f"redis://127.0.0.1:{tls}/0", "rediss://")):
        w.env["REDIS_URL"] = url
        answer = await w.run("diagnose_gateway_health", tenant_id="acme")
        told = str(answer.doc.get("redis", {}).get("error")) + answer.summary
        w.expect(url.partition(":")[0], f"names {word} or TLS", told, word in told or "tls" in told.lower())
    w.env["REDIS_URL"] = w.redis.url
    web = await _tls(w, w.gateway.port)
    for url, word in ((f"https://127.0.0.1:{w.gateway.port}", "http://"), (f"http://127.0.0.1:{web}", "https://")):
        w.env["BACKEND_ORCHESTRATOR_URL"] = url
        answer = await w.run("diagnose_gateway_health", tenant_id="acme")
        told = str(answer.doc.get("backend_orchestrator_health", {}).get("error"))
        w.expect(url.partition(":")[0], f"names {word} or TLS", told, word in told or "tls" in told.lower())


@world(needs=("openssl",), healthy=True)
async def tls_that_asks_for_a_client_certificate(w: World) -> None:
    """The port lets in only who shows a certificate: ssl_certfile and ssl_keyfile in the URL are used."""
    w.counter("rate_limit:acme:chat", 5)
    tls = await _tls(w, w.redis.port, client=True)
    place = f"rediss://127.0.0.1:{tls}/0?ssl_ca_certs={w.home}/cert.pem"
    w.env["REDIS_URL"] = f"{place}&ssl_certfile={w.home}/cert.pem&ssl_keyfile={w.home}/key.pem"
    w.spared("diagnose", await w.run("diagnose_gateway_health", tenant_id="acme"))
    w.env["REDIS_URL"] = place
    answer = await w.run("diagnose_gateway_health", tenant_id="acme")
    w.says("without one", answer, "certificate")


@world(needs=("openssl",), healthy=True)
async def tls_with_its_own_authority(w: World) -> None:
    """rediss:// with the certificate's authority in the URL: connected, and nothing to report."""
    w.counter("rate_limit:acme:chat", 5)
    tls = await _tls(w, w.redis.port)
    w.env["REDIS_URL"] = f"rediss://127.0.0.1:{tls}/0?ssl_ca_certs={w.home}/cert.pem"
    w.spared("diagnose", await w.run("diagnose_gateway_health", tenant_id="acme"))


@world()
async def proxy_that_hangs_up_on_hello(w: World) -> None:
    """A RESP2-only proxy closes the connection on HELLO, and knows all else: it is used without HELLO."""
    w.counter("rate_limit:acme:chat", 400)

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far = await asyncio.open_connection("127.0.0.1", w.redis.port)

        async def there() -> None:
            while data := await reader.read(65536):
                if b"HELLO" in data.upper():
                    writer.close()
                    far.close()
                    return
                far.write(data)
            far.close()

        async def back() -> None:
            while data := await far_reader.read(65536):
                writer.write(data)
            writer.close()

        await asyncio.gather(there(), back(), return_exceptions=True)

    proxy = await asyncio.start_server(join, "127.0.0.1", 0)
    w.ends.callback(proxy.close)
    w.env["REDIS_URL"] = f"redis://127.0.0.1:{proxy.sockets[0].getsockname()[1]}/0"
    answer = await w.diagnose()
    status = answer.doc["redis"]["status"]
    w.expect("Redis", "connected", answer.doc["redis"], status == "connected")
    w.found("the counter is found", answer, "acme", least="high")
    panes = await w.panes(3, ("server", "keys", "limits", "feed", "gateway"))
    state = panes.last["feed"].status.state
    w.expect("the feed", "live", state, state == "live")


@world()
async def pushes_that_no_list_foresaw(w: World) -> None:
    """A server that answers every command with odd RESP3: no loop ends, and it counts as a fault of that server."""

    async def odd(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65536):
            writer.write(b"%1\r\n*2\r\n:1\r\n:2\r\n+value\r\n" + b">2\r\n+odd\r\n+push\r\n" * 1000)

    server = await asyncio.start_server(odd, "127.0.0.1", 0)
    w.ends.callback(server.close)
    w.env["REDIS_URL"] = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
    answer = await w.diagnose()
    w.expect("diagnose answers", "Redis in error, the gateway known", answer.summary,
             answer.doc.get("backend_orchestrator_health", {}).get("status") == "healthy"
             and answer.doc.get("redis", {}).get("status") in ("error", "disconnected"))  # fmt: skip
    panes = await w.panes(4, ("server", "keys", "limits", "feed", "gateway", "engine"))
    w.expect("no loop ended", "none", panes.ended, not panes.ended)
    overall = panes.last["health"].overall
    w.expect("the verdict counts it", "critical", overall, overall == "critical")
    state = panes.last["feed"].status.state
    w.expect("connecting ends", "down", state, state != "connecting")


@world(healthy=True)
async def gateway_behind_a_prefix(w: World) -> None:
    """The gateway's URL ends with a slash and has a path, as behind an ingress."""
    other = Service(w.clock)
    await other.start()
    w.ends.push_async_callback(other.stop)
    for path, answer in w.gateway.routes.items():
        other.routes[f"/gw{path}"] = answer
    w.env["BACKEND_ORCHESTRATOR_URL"] = f"{other.url}/gw/"
    w.spared("diagnose", await w.diagnose())
