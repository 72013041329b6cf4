"""Ways to the servers as outsiders configure them, and the integration test of what is at their end."""

import asyncio

from tests.worlds.catalogue import world
from tests.worlds.judging import level_of
from tests.worlds.links import busy_machine, long_way, tls_before
from tests.worlds.traffic import answering, steady
from tests.worlds.world import World


async def _redis(w: World, url: str) -> str:
    w.env["REDIS_URL"] = url
    answer = await w.run("diagnose_gateway_health", tenant_id="acme")
    part = answer.doc.get("redis", {})
    return f"{part.get('status')} {part.get('error')} {'' if answer.doc.get('redis') else answer.summary}"


@world(healthy=True)
async def addresses_with_odd_ends(w: World) -> None:
    """A trailing newline, no database, ``?db=0``, an empty user, a socket timeout: connected each time."""
    port = w.redis.port
    base = f"redis://127.0.0.1:{port}"
    for url in (f"{base}/0\n", base, f"{base}?db=0", f"redis://:@127.0.0.1:{port}/0", f"{base}/0?socket_timeout=5",
                f"  {base}/0  ", f"'{base}/0'", f"REDIS://127.0.0.1:{port}/0"):  # fmt: skip
        told = await _redis(w, url)
        w.expect(repr(url).replace(str(port), "PORT"), "connected", told, told.startswith("connected"))


@world()
async def an_address_without_a_scheme(w: World) -> None:
    """``localhost:6379`` and ``redis:/host``: understood, or one sentence that names what is missing."""
    for url in (f"127.0.0.1:{w.redis.port}", f"redis:/127.0.0.1:{w.redis.port}/0"):
        told = await _redis(w, url)
        words = ("redis://", "scheme")
        w.expect(url.replace(str(w.redis.port), "PORT"), "connected, or the scheme is named", told,
                 told.startswith("connected") or any(word in told for word in words))  # fmt: skip


@world(healthy=True)
async def a_password_with_special_characters(w: World) -> None:
    """The password is ``p@ss/w:rd#1%``, encoded in the URL: connected, and told nowhere."""
    w.redis_with(requirepass="p@ss/w:rd#1%")
    told = await _redis(w, f"redis://:p%40ss%2Fw%3Ard%231%25@127.0.0.1:{w.redis.port}/0")
    w.expect("Redis", "connected", told, told.startswith("connected"))
    doctor = await w.cli("doctor")
    w.expect("the password", "not told", "p@ss" in doctor.text, "p@ss" not in doctor.text and "p%40" not in doctor.text)


@world()
async def a_password_that_was_changed(w: World) -> None:
    """The server's password was changed yesterday: one sentence says that it is refused; not healthy."""
    w.redis_with(requirepass="new")
    w.env["REDIS_URL"] = f"redis://:old@127.0.0.1:{w.redis.port}/0"
    answer = await w.diagnose()
    w.expect("overall", "not healthy", answer.summary, answer.code == 1)
    w.says("the reason", answer, "password", "wrongpass", "credentials")


@world()
async def a_broken_postgres_costs_only_itself(w: World) -> None:
    """POSTGRES_DSN is nonsense and PROMETHEUS_URL has no scheme: Redis, gateway and engine are told all the same."""
    w.counter("rate_limit:acme:chat", 12)
    w.env["POSTGRES_DSN"] = "postgres//nobody@@nowhere:port/x?sslmode=maybe"
    w.env["PROMETHEUS_URL"] = "prometheus.internal:9090/graph"
    answer = await w.run("diagnose_gateway_health", tenant_id="acme")
    states = [answer.doc.get(part, {}).get("status")
              for part in ("backend_orchestrator_health", "ai_engine_connectivity", "redis")]  # fmt: skip
    w.expect("the three services", "healthy, connected, connected", states or answer.summary,
             states == ["healthy", "connected", "connected"])  # fmt: skip


async def _tls(w: World, port: int, *, client: bool = False, expired: bool = False) -> int:
    return await w.ends.enter_async_context(tls_before(w.home, port, client=client, expired=expired))


@world(needs=("openssl",))
async def an_expired_certificate(w: World) -> None:
    """The certificate of the Redis port expired yesterday: the sentence says so, for Redis and for the gateway."""
    tls = await _tls(w, w.redis.port, expired=True)
    told = await _redis(w, f"rediss://127.0.0.1:{tls}/0?ssl_ca_certs={w.home}/cert.pem")
    w.expect("Redis", "an error that says expired", told, "expired" in told)
    w.env["REDIS_URL"] = w.redis.url
    web = await _tls(w, w.gateway.port, expired=True)
    w.env |= {"BACKEND_ORCHESTRATOR_URL": f"https://127.0.0.1:{web}", "SSL_CERT_FILE": str(w.home / "cert.pem")}
    answer = await w.run("diagnose_gateway_health", tenant_id="acme")
    told = str(answer.doc.get("backend_orchestrator_health", {}).get("error"))
    w.expect("gateway", "an error that says expired", told, "expired" in told)


@world(needs=("openssl",))
async def a_certificate_of_nobody_we_know(w: World) -> None:
    """https with a certificate of its own: without SSL_CERT_FILE a sentence that names it, with it healthy."""
    web = await _tls(w, w.gateway.port)
    w.env["BACKEND_ORCHESTRATOR_URL"] = f"https://127.0.0.1:{web}"
    answer = await w.run("diagnose_gateway_health", tenant_id="acme")
    told = str(answer.doc.get("backend_orchestrator_health", {}).get("error"))
    w.expect("without", "names the certificate", told, "certificate" in told.lower())
    w.env["SSL_CERT_FILE"] = str(w.home / "cert.pem")
    w.spared("with SSL_CERT_FILE", await w.run("diagnose_gateway_health", tenant_id="acme"))


@world(needs=("openssl",))
async def a_gateway_that_wants_a_client_certificate(w: World) -> None:
    """The gateway's https port asks the caller for a certificate: the sentence names a certificate, not "hung up"."""
    web = await _tls(w, w.gateway.port, client=True)
    w.env |= {"BACKEND_ORCHESTRATOR_URL": f"https://127.0.0.1:{web}", "SSL_CERT_FILE": str(w.home / "cert.pem")}
    answer = await w.run("diagnose_gateway_health", tenant_id="acme")
    told = str(answer.doc.get("backend_orchestrator_health", {}).get("error"))
    w.expect("the reason", "names a client certificate", told, "certificate" in told.lower())


@world(healthy=True)
async def redirected_with_the_whole_address(w: World) -> None:
    """``/health`` answers 308 with an absolute address of the same origin, ``/metrics`` 301 to ``/metrics/``."""
    w.gateway.on("/health", b"", 308, headers=[("Location", f"{w.gateway.url}/healthz")])
    w.gateway.on("/healthz", {"status": "ok"})
    w.spared("diagnose", await w.diagnose())
    w.spared("stand-up", await w.standup())


@world()
async def redirected_to_https_of_the_same_host(w: World) -> None:
    """``http://`` is redirected to ``https://`` of the same host: another origin, not followed; not healthy."""
    w.gateway.on("/health", b"", 301, headers=[("Location", w.gateway.url.replace("http://", "https://") + "/health")])
    answer = await w.diagnose()
    status = answer.doc["backend_orchestrator_health"]["status"]
    w.expect("gateway", "unhealthy", status, status in ("unhealthy", "error"))
    w.says("where to is told", answer, "https://")


@world()
async def redis_that_dies_between_two_questions(w: World) -> None:
    """Redis answers the first question and is killed before the second; the third finds it back."""
    w.counter("rate_limit:acme:chat", 200)
    w.found("first", await w.diagnose(), "acme", least="high")
    w.redis.kill()
    answer = await w.diagnose()
    w.found("second", answer, rule="server.", least="critical")
    limits = answer.doc["rate_limiting"]
    w.expect("no counter is told from before", "unknown", limits.get("total_limit_keys"),
             limits.get("total_limit_keys") is None)  # fmt: skip
    w.redis.start()
    w.not_found("third", await w.diagnose(), rule="server.", least="medium")


@world()
async def engine_in_the_full_flow_answers_an_error(w: World) -> None:
    """``/api/chat`` answers 200 with ``{"error": …}`` and no reply: the full flow fails, the other tests pass."""
    w.gateway.on("/api/chat", {"error": "model overloaded"})
    answer = await w.ask("test_ai_engine_integration", test_type="full_flow", tenant_id="acme")
    states = {one["test"]: one["status"] for one in answer.doc.get("tests_performed", [])}
    w.expect("the flow", "fails, the rest passes", states, states.get("full_integration_flow") not in ("pass", None)
             and states.get("ai_engine_health") == "pass" and answer.code == 1)  # fmt: skip


@world()
async def cache_test_on_a_full_redis(w: World) -> None:
    """Redis refuses every write: the cache test does not pass, and says why."""
    w.redis_with(maxmemory="3mb", maxmemory_policy="noeviction")
    script = "for i=1,3000 do redis.call('SET','session:'..i,string.rep('x',900)) end"
    w.redis.command("EVAL", script, "0")
    w.redis.command("EVAL", script.replace("session:", "queue:"), "0")
    assert w.redis.command("SET", "probe", "x" * 50_000).startswith(b"-OOM")
    answer = await w.ask("test_ai_engine_integration", test_type="connectivity", tenant_id="acme")
    states = {one["test"]: one["status"] for one in answer.doc.get("tests_performed", [])}
    w.expect("the cache test", "not passed", states, states.get("cache_integration") != "pass")
    w.says("why", answer, "memory", "oom")


@world()
async def engine_of_two_and_a_fifth_seconds(w: World) -> None:
    """Each answer of the engine takes 2.2 s: high, connected, and its latency is told as it is."""
    w.engine.on("/health", {"status": "ok"}, delay=2.2)
    trouble = await w.trouble("high_latency")
    w.found("high_latency", trouble, "engine", least="high")
    answer = await w.diagnose()
    part = answer.doc["ai_engine_connectivity"]
    w.expect("connected", "connected", part["status"], part["status"] == "connected")
    w.figure("its latency", part.get("latency_ms"), 2200)


@world()
async def gateway_of_one_and_a_tenth_seconds_and_a_busy_machine(w: World) -> None:
    """The gateway takes 1.1 s while our own machine is busy: it is slow all the same, and Redis and engine are not."""
    w.gateway.on("/health", {"status": "ok"}, delay=1.1)
    with busy_machine(1) as _:
        trouble = await w.trouble("high_latency")
    w.found("the gateway", trouble, "gateway", rule="latency", least="high", unknown=bool(trouble.doc["unknown"]))
    w.not_found("the engine", trouble, "engine", rule="latency", least="high")


@world(past=6)
async def a_gateway_that_hangs_since_a_minute(w: World) -> None:
    """All was well until a minute ago; now the gateway accepts and answers nothing: critical, with what was known."""
    w.gateway.runs(answering(steady(10)))
    w.counter("rate_limit:acme:chat", 20, ttl=100)
    await w.record(minutes=5)
    for path in (*w.gateway.routes, "/metrics"):
        w.gateway.on(path, hangs=True)
    answer = await w.diagnose()
    w.found("diagnose", answer, rule="services.gateway", least="critical")
    w.expect("in time", "a document at its deadline", answer.summary, "error" not in answer.doc)
    count = answer.doc["rate_limiting"]["rate_limits"].get("chat", {}).get("current_count")
    w.expect("the counter", "20", count, count == 20)


@world()
async def two_thousand_counters_a_quarter_of_a_second_away(w: World) -> None:
    """2,000 counters of 400 tenants and Redis 250 ms away: an answer in time; what is missing is named."""
    script = "for i=1,2000 do redis.call('SET','rate_limit:t'..(i%400)..':op'..i,'3','EX','58') end"
    w.redis.command("EVAL", script, "0")
    port = await w.ends.enter_async_context(long_way(w.redis.port, 0.125))
    w.env["REDIS_URL"] = f"redis://127.0.0.1:{port}/0"
    answer = await w.run("diagnose_gateway_health", tenant_id="t7")
    w.expect("an answer in time", "a document at its deadline", answer.summary, "overall_status" in answer.doc)
    limits = answer.doc.get("rate_limiting", {})
    told = (
        len(limits.get("rate_limits") or {}) == 5
        or limits.get("error")
        or not (limits.get("coverage") or {}).get("complete", True)
    )
    w.expect("t7's counters", "5, or what is missing is said", str(limits)[:300], bool(told))
    dead = [one for one in answer.findings if str(one["rule"]).startswith("server.") and level_of(one) == 3]
    w.expect("Redis is not dead", "no critical finding", dead or "none", not dead)


@world()
async def two_addresses_mixed_up(w: World) -> None:
    """REDIS_URL leads to a web server and the gateway's URL to Redis: it is told, nothing is healthy."""

    async def web(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1024)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(web, "127.0.0.1", 0)
    w.ends.callback(server.close)
    w.env["BACKEND_ORCHESTRATOR_URL"] = f"http://127.0.0.1:{w.redis.port}"
    told = await _redis(w, f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0")
    w.expect("Redis", "names HTTP or the protocol", told, "http" in told.lower() or "protocol" in told.lower())
    w.env["REDIS_URL"] = w.redis.url
    answer = await w.run("diagnose_gateway_health", tenant_id="acme")
    w.found("gateway", answer, rule="services.gateway", least="critical")


@world(healthy=True)
async def one_dead_connection_after_a_night(w: World) -> None:
    """A firewall cut the idle connections to Redis and gateway: the next question is answered without a word of it."""
    cut: list[asyncio.StreamWriter] = []

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far = await asyncio.open_connection("127.0.0.1", w.redis.port)
        cut.extend((writer, far))

        async def carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(65536):
                sink.write(data)
            sink.close()

        await asyncio.gather(carry(reader, far), carry(far_reader, writer), return_exceptions=True)

    server = await asyncio.start_server(join, "127.0.0.1", 0)
    w.ends.callback(server.close)
    w.env["REDIS_URL"] = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
    w.counter("rate_limit:acme:chat", 12, 50)
    w.spared("before", await w.diagnose())
    for writer in cut:
        writer.transport.abort()
    w.spared("after", await w.diagnose())
