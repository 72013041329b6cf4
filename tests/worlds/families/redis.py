"""Redis as it really stands: full, evicting, replicated, restricted, far away, hung."""

# ruff: noqa: ASYNC110 - what is waited for happens in another process

import asyncio

from tests.realserver import RealServer, server_binary
from tests.worlds.catalogue import world
from tests.worlds.links import long_way, nutcracker
from tests.worlds.world import World

FILL = "for i=1,{n} do redis.call('SET',KEYS[1]..i,string.rep('x',1000){ttl}) end"


def _fill(w: World, prefix: str, count: int, ttl: str = "") -> None:
    w.redis.command("EVAL", FILL.replace("{n}", str(count)).replace("{ttl}", ttl), "1", prefix)


@world(night=True)
async def full_and_refusing_writes(w: World) -> None:
    """At maxmemory with noeviction: every write of the gateway is refused."""
    w.redis_with(maxmemory="4mb", maxmemory_policy="noeviction")
    w.counter("rate_limit:acme:chat", 10, 300)
    for n in range(4):
        _fill(w, f"cache:page:acme:{n}-", 1200, ",'EX',3000")
    refused = w.redis.command("SET", "probe", "x" * 50_000)
    assert refused.startswith(b"-OOM"), refused
    answer = await w.diagnose()
    w.expect("diagnose: overall", "critical", answer.summary, answer.doc["overall_status"] == "critical")
    w.found("diagnose", answer, rule="server.", least="critical")
    w.found("stand-up", await w.standup(), rule="server.", least="critical")
    panes = await w.panes(1.5, ("server", "gateway", "engine"))
    w.found("health pane", panes.given("health"), rule="server.", least="critical")


@world(healthy=True, fast=True)
async def full_and_evicting(w: World) -> None:
    """At maxmemory with allkeys-lru, as a cache should be: nothing is refused."""
    w.redis_with(maxmemory="4mb", maxmemory_policy="allkeys-lru")
    for n in range(16):
        _fill(w, f"cache_coherence:page:acme:{n}-", 80, ",'EX',3000")
        _fill(w, f"cache:page:acme:{n}-", 260, ",'EX',3000")
    assert w.redis.command("SET", "probe", "x" * 5000) == b"+OK\r\n"
    w.spared("diagnose", await w.diagnose())
    w.spared("stand-up", await w.standup())
    panes = await w.panes(1.5, ("server", "gateway", "engine", "limits", "keys"))
    w.spared("health pane", panes.given("health"))


@world()
async def volatile_policy_with_nothing_to_evict(w: World) -> None:
    """volatile-lru, but no key has a TTL: at maxmemory every write is refused all the same."""
    w.redis_with(maxmemory="4mb", maxmemory_policy="volatile-lru")
    _fill(w, "cache:page:acme:", 4000)
    refused = w.redis.command("SET", "probe", "x" * 50_000)
    assert refused.startswith(b"-OOM"), refused
    w.found("diagnose", await w.diagnose(), rule="server.", least="critical")
    w.found("stand-up", await w.standup(), rule="server.", least="critical")


@world(healthy=True)
async def noeviction_with_room(w: World) -> None:
    """noeviction at 70 % of maxmemory: no write was refused."""
    w.redis_with(maxmemory="12mb", maxmemory_policy="noeviction")
    _fill(w, "cache:page:acme:", 400, ",'EX',3000")
    _fill(w, "cache_coherence:page:acme:", 100, ",'EX',3000")
    w.spared("diagnose", await w.diagnose())
    w.spared("stand-up", await w.standup())


@world()
async def writes_stopped_by_a_failed_save(w: World) -> None:
    """The last background save failed and the server stops all writes (MISCONF)."""
    w.redis_with(save="3600 1", dir="/proc")
    w.redis.command("BGSAVE")
    await asyncio.sleep(0.6)
    w.redis.command("CONFIG", "SET", "save", "3600 1")
    refused = w.redis.command("SET", "probe", "1")
    assert refused.startswith(b"-MISCONF"), refused
    answer = await w.diagnose()
    w.found("diagnose", answer, rule="server.", least="critical")
    w.found("stand-up", await w.standup(), rule="server.", least="critical")


async def _replica(w: World, primary: int, link: bytes) -> None:
    """A replica of the server on this port, as soon as its link is as told (up, down)."""
    server = w.redis_with(replicaof=f"127.0.0.1 {primary}")
    async with asyncio.timeout(30):
        while b"master_link_status:" + link not in server.command("INFO", "replication"):
            await asyncio.sleep(0.1)


@world(fast=True)
async def replica_whose_link_is_down(w: World) -> None:
    """The configured Redis is a replica; its primary is gone."""
    await _replica(w, 1, b"down")
    answer = await w.diagnose()
    w.found("diagnose", answer, rule="server.replica_link", least="high", most="high")
    w.found("stand-up", await w.standup(), rule="server.replica_link", least="high", most="high")
    panes = await w.panes(1.2, ("server", "gateway", "engine"))
    w.found("health pane", panes.given("health"), rule="server.replica_link", least="high", most="high")


@world()
async def replica_in_its_first_sync(w: World) -> None:
    """The configured Redis is a replica that just begins to copy its primary: nothing is broken, and it has no data."""
    primary = _primary(w, repl_diskless_sync_delay="0", rdb_key_save_delay="300000")  # 0.3 s for each key
    for number in range(60):
        primary.command("SET", f"key:{number}", "x" * 1000)
    server = w.redis_with(replicaof=f"127.0.0.1 {primary.port}")
    async with asyncio.timeout(30):
        while b"master_sync_in_progress:1" not in server.command("INFO", "replication"):
            await asyncio.sleep(0.1)
    w.found("diagnose", await w.diagnose(), rule="server.replica_link", least="medium", most="medium")
    w.found("stand-up", await w.standup(), rule="server.replica_link", least="medium", most="medium")


def _primary(w: World, **config: str) -> RealServer:
    binary = server_binary()
    assert binary
    primary = RealServer(binary, **config).start()
    w.ends.callback(primary.stop)
    return primary


@world(healthy=True)
async def replica_in_sync(w: World) -> None:
    """A replica that follows its primary: read-only, and well."""
    primary = _primary(w, repl_diskless_sync_delay="0")  # else its first sync waits five seconds
    await _replica(w, primary.port, b"up")
    w.spared("diagnose", await w.diagnose())
    w.spared("stand-up", await w.standup())


@world(healthy=True)
async def info_renamed(w: World) -> None:
    """A managed service without INFO: PING, SCAN and GET work, so it is no outage."""
    w.redis_with(without=("INFO",))
    w.counter("rate_limit:acme:chat", 10)
    answer = await w.diagnose()
    w.expect("Redis is connected", "connected", answer.doc["redis"], answer.doc["redis"]["status"] == "connected")
    found = answer.doc["rate_limiting"]["rate_limits"].get("chat", {}).get("current_count")
    w.expect("the counter is read", "10", found, found == 10)
    w.not_found("no outage", answer, least="high")
    panes = await w.panes(2.0, ("server", "gateway", "engine", "limits", "keys"))
    server = panes.last["health"].server
    w.expect("health pane", "a look without a fault", server.fault, server.fault is None)
    limits = panes.last.get("limits")
    seen = limits.value.total if limits and limits.value else None
    w.expect("limits pane", "1 counter", seen, seen == 1)
    w.not_found("stand-up", await w.standup(), least="high")


@world()
async def scan_renamed(w: World) -> None:
    """Without SCAN nobody can find the counters: doctor names the command, the tools do not say "none"."""
    w.redis_with(without=("SCAN",))
    w.counter("rate_limit:acme:chat", 400, ttl=None)
    doctor = await w.cli("doctor")
    w.expect("doctor names SCAN", "exit 1 and SCAN", doctor.text[-400:], doctor.code == 1 and "SCAN" in doctor.text)
    trouble = await w.trouble("rate_limiting")
    clean = trouble.doc.get("severity_assessment") == "none" and not trouble.doc.get("unknown")
    w.expect("troubleshoot does not clear", "a finding or unknown", trouble.summary, not clean)
    answer = await w.diagnose()
    limits = answer.doc.get("rate_limiting", {})
    w.expect("diagnose does not say 0", "unknown, null", limits, limits.get("total_limit_keys") != 0)


@world()
async def config_and_slowlog_renamed(w: World) -> None:
    """CONFIG, SLOWLOG, MEMORY and CLIENT are gone, as managed services do: what remains is healthy."""
    w.redis_with(without=("CONFIG", "SLOWLOG", "MEMORY", "CLIENT"))
    w.counter("rate_limit:acme:chat", 10)
    w.spared("diagnose", await w.diagnose())
    trouble = await w.trouble("high_latency")
    others = [one for one in trouble.findings if not one["rule"].endswith("unmeasured")]
    w.expect("high latency", "nothing, or that the slow log cannot be measured", trouble.summary, not others)
    w.expect("slow log is unknown", "an unknown part", trouble.doc.get("unknown"), bool(trouble.doc.get("unknown")))


@world(healthy=True)
async def slow_log_of_our_own(w: World) -> None:
    """Everything is logged as slow (threshold 0) and only we ask: our own commands accuse nobody."""
    w.redis_with(slowlog_log_slower_than="0")
    w.keys(40, "rate_limit:acme:op{n}", "1")
    w.redis.command("SLOWLOG", "RESET")
    await w.panes(1.5, ("server", "limits", "keys"))
    trouble = await w.trouble("high_latency")
    w.not_found("high latency", trouble, least="low", rule="redis.slow")
    w.spared("severity", trouble)


@world()
async def slow_commands_of_the_gateway(w: World) -> None:
    """Another client keeps Redis busy with scripts of 60 ms: those are in the slow log and found."""
    w.redis.command("CONFIG", "SET", "slowlog-log-slower-than", "10000")
    for _ in range(4):
        w.redis.command("EVAL", "for i=1,6000000 do end", "0")
    trouble = await w.trouble("high_latency")
    w.says("the slow command is told", trouble, "eval")


@world()
async def password_needed(w: World) -> None:
    """The server wants a password and none is configured: one sentence that says so, and it needs attention."""
    w.redis_with(requirepass="secret")
    answer = await w.diagnose()
    w.expect("overall", "not healthy", answer.summary, answer.doc["overall_status"] != "healthy")
    w.says("the reason", answer, "password", "noauth", "authenticat")


@world()
async def redis_stopped_in_mid_flight(w: World) -> None:
    """Redis is frozen (SIGSTOP): the tools answer in time, and say it is gone."""
    w.counter("rate_limit:acme:chat", 10)
    w.redis.freeze()
    answer = await w.diagnose()
    w.expect("overall", "critical", answer.summary, answer.doc.get("overall_status") == "critical")
    w.expect("in time", "a document at its deadline", answer.summary, "error" not in answer.doc)
    gateway = answer.doc.get("backend_orchestrator_health", {}).get("status")
    w.expect("the rest is known", "gateway healthy", gateway, gateway == "healthy")
    w.redis.thaw()


@world()
async def two_hundred_milliseconds_away(w: World) -> None:
    """Redis 200 ms away with 2,000 counters: diagnose answers within its deadline with what it has."""
    server = w.redis
    script = "for i=1,2000 do redis.call('SET','rate_limit:t'..(i%40)..':op'..i,'3','EX','300') end"
    server.command("EVAL", script, "0")
    for n in range(8):
        w.counter(f"rate_limit:acme:op{n}", 5, 300)
    way = await w.ends.enter_async_context(long_way(server.port, 0.1))
    w.env["REDIS_URL"] = f"redis://127.0.0.1:{way}/0"
    answer = await w.diagnose()
    w.expect("in time", "a document at its deadline", answer.summary, "error" not in answer.doc)
    status = answer.doc.get("backend_orchestrator_health", {}).get("status")
    w.expect("an answer, no error", "gateway healthy", answer.summary, status == "healthy")
    limits = answer.doc.get("rate_limiting", {})
    rows, total = limits.get("rate_limits") or {}, limits.get("total_limit_keys")
    complete = (limits.get("coverage") or {}).get("complete")
    told = len(rows) == 8 or limits.get("error") or complete is False
    w.expect(
        "counters",
        "8 of acme, or said what is missing",
        f"{len(rows)} rows of {total}, {limits.get('error')}",
        bool(told),
    )
    w.not_found("no outage", answer, least="critical")


@world(needs=("nutcracker",))
async def nutcracker_before_redis(w: World) -> None:
    """Debian's nutcracker stands before Redis: it knows no HELLO, SCAN or INFO; what works is used, the rest named."""
    server = w.redis
    w.counter("rate_limit:acme:chat", 400)
    port = w.ends.enter_context(nutcracker(w.home, server.port))
    w.env["REDIS_URL"] = f"redis://127.0.0.1:{port}/0"
    await asyncio.sleep(0.4)
    answer = await w.run("diagnose_gateway_health", tenant_id="acme")
    w.expect("an answer", "a document", answer.summary, "overall_status" in answer.doc)
    status = answer.doc.get("redis", {})
    named = any(word in str(status).lower() for word in ("hello", "scan", "proxy"))
    wanted = "connected, or an error that names the proxy or the command"
    w.expect("Redis is reached", wanted, status, status.get("status") == "connected" or named)
    total = answer.doc.get("rate_limiting", {}).get("total_limit_keys")
    w.expect("counters are not 0", "unknown", total, total in (None, 1))
    trouble = await w.run("troubleshoot_production_issue", issue_type="rate_limiting", tenant_id="acme")
    clean = trouble.doc.get("severity_assessment") == "none" and not trouble.doc.get("unknown")
    w.expect("troubleshoot does not clear", "a finding or unknown", trouble.summary, not clean)
    doctor = await w.cli("doctor")
    w.says("doctor names what is missing", doctor, "scan")


@world(fast=True)
async def caches_without_ttl(w: World) -> None:
    """Half of the cache keys never expire: worth a low remark, no alarm."""
    w.keys(20, "cache:conversation:acme:{n}", "x", 300)
    w.keys(20, "cache:conversation:acme:x{n}", "x", None)
    w.spared("diagnose", await w.diagnose())
    answer = await w.standup()
    without = answer.doc["cache"]["without_ttl"]
    w.expect("they are counted", "20", without, without == 20)


@world(healthy=True)
async def cache_churn_below_the_limits(w: World) -> None:
    """Cache keys come and go by the hundred each second, DBSIZE moves under the sweep: counts stay within the truth."""
    stop = asyncio.Event()

    async def churn() -> None:
        n = 0
        while not stop.is_set():
            for _ in range(20):
                n += 1
                w.redis.command("SET", f"cache:page:acme:{n}", "x", "PX", "700")
            await asyncio.sleep(0.02)

    w.keys(400, "cache:conversation:acme:{n}", "x", 300)
    w.keys(250, "cache_coherence:conversation:acme:{n}", "x", 300)
    task = asyncio.create_task(churn())
    panes = await w.panes(4.0, ("server", "limits", "keys", "gateway", "engine"))
    answer = await w.standup()
    stop.set()
    await task
    w.spared("stand-up", answer)
    sweeps = [report.value for subject, report in panes.all if subject == "cache" and report.value]
    odd = [f"{one.coverage.scanned} of {one.coverage.total}" for one in sweeps
           if one.coverage.total is not None and one.coverage.scanned > one.coverage.total]  # fmt: skip
    w.expect("never more scanned than there are", "none", odd[:3] or "none", not odd)


LOOKUPS = "for i=1,tonumber(ARGV[1]) do redis.call('GET',KEYS[1]) end"


@world()
async def lifetime_of_the_server_hides_the_present(w: World) -> None:
    """No figure of the gateway; Redis has 97 % hits since its start, and now nearly each look-up misses."""
    del w.gateway.routes["/api/cache/metrics"]
    w.keys(1, "cache:page:acme:there", "x", 3000)
    w.redis.command("EVAL", LOOKUPS, "1", "cache:page:acme:there", "100000")
    stop = asyncio.Event()

    async def misses() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", w.redis.port)
        while not stop.is_set():
            writer.write(b"*2\r\n$3\r\nGET\r\n$4\r\ngone\r\n" * 10)
            await reader.read(65536)
            await asyncio.sleep(0.02)

    task = asyncio.create_task(misses())
    panes = await w.panes(6, ("server", "gateway", "engine"))
    answer = await w.diagnose()
    stop.set()
    await task
    rate = panes.last["health"].hit_rate
    named = rate is None or "since" in rate.source or "start" in rate.source
    w.expect("health pane", "nearly 0, or unknown, or named as since the start", rate,
             rate is not None and rate.value < 0.2, unknown=named)  # fmt: skip
    part = answer.doc["cache_metrics"]
    named = part["hit_rate"] is None or "since" in str(part["source"]) or "start" in str(part["source"])
    w.expect("diagnose", "nearly 0, or unknown, or named as since the start", part,
             part["hit_rate"] is not None and part["hit_rate"] < 0.2, unknown=named)  # fmt: skip


@world()
async def a_user_with_few_rights(w: World) -> None:
    """Our user may PING, SCAN, GET and TTL, not INFO: the counters are read, and it is no outage."""
    w.counter("rate_limit:acme:chat", 400)
    rules = [
        "on",
        ">pw",
        "~*",
        "+ping",
        "+scan",
        "+get",
        "+ttl",
        "+pttl",
        "+mget",
        "+type",
        "+hello",
        "+auth",
        "+select",
    ]
    w.redis.command("ACL", "SETUSER", "observer", *rules)
    w.env["REDIS_URL"] = f"redis://observer:pw@127.0.0.1:{w.redis.port}/0"
    answer = await w.run("diagnose_gateway_health", tenant_id="acme")
    w.expect("Redis", "connected", answer.doc.get("redis"), answer.doc.get("redis", {}).get("status") == "connected")
    w.found("the counter is found", answer, "acme", least="high")
    w.not_found("no outage", answer, least="critical")


@world()
async def a_user_without_get(w: World) -> None:
    """Our user may SCAN but read no value: counters are unknown, not zero and not healthy."""
    w.counter("rate_limit:acme:chat", 400)
    w.redis.command("ACL", "SETUSER", "observer", "on", ">pw", "~*", "+ping", "+scan", "+info", "+hello", "+select")
    w.env["REDIS_URL"] = f"redis://observer:pw@127.0.0.1:{w.redis.port}/0"
    answer = await w.run("diagnose_gateway_health", tenant_id="acme")
    part = answer.doc.get("rate_limiting", {})
    row = (part.get("rate_limits") or {}).get("chat", {})
    told = row.get("error") or part.get("error") or part.get("status") == "unknown"
    w.expect("the count", "null and why", part, row.get("current_count") is None and bool(told))
    doctor = await w.cli("doctor")
    w.says("doctor names the right", doctor, "get")


@world()
async def no_replica_to_write_to(w: World) -> None:
    """min-replicas-to-write 1 and no replica: every write is refused (NOREPLICAS)."""
    w.counter("rate_limit:acme:chat", 4, 300)
    w.redis.command("CONFIG", "SET", "min-replicas-to-write", "1")
    refused = w.redis.command("SET", "probe", "1")
    assert refused.startswith(b"-NOREPLICAS"), refused
    w.found("diagnose", await w.diagnose(), rule="server.", least="critical")
    w.found("stand-up", await w.standup(), rule="server.", least="critical")
