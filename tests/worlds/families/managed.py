"""Redis as managed services, old versions and compatible servers answer: other words for the same thing."""

from tests.worlds.catalogue import world
from tests.worlds.links import answering_itself
from tests.worlds.world import World

UNKNOWN_COMMAND = b"-ERR unknown command 'HELLO', with args beginning with: '3' \r\n"


def _bulk(text: str) -> bytes:
    raw = text.encode()
    return b"$%d\r\n%s\r\n" % (len(raw), raw)


async def _behind(w: World, **answers: bytes) -> None:
    w.counter("rate_limit:acme:chat", 20, 300)
    port = await w.ends.enter_async_context(answering_itself(w.redis.port, answers))
    w.env["REDIS_URL"] = f"redis://127.0.0.1:{port}/0"


async def _works(w: World) -> None:
    answer = await w.diagnose()
    w.expect("Redis", "connected", answer.doc["redis"], answer.doc["redis"]["status"] == "connected")
    count = answer.doc["rate_limiting"]["rate_limits"].get("chat", {}).get("current_count")
    w.expect("the counter", "20", answer.doc["rate_limiting"], count == 20)
    w.not_found("no outage", answer, least="high")
    panes = await w.panes(2, ("server", "limits", "keys", "gateway", "engine"))
    limits = panes.last.get("limits")
    rows = len(limits.value.rows) if limits and limits.value else None
    w.expect("limits pane", "1 row", rows, rows == 1)
    w.not_found("health pane", panes.given("health"), least="high")


@world(healthy=True, fast=True)
async def info_not_on_this_plan(w: World) -> None:
    """INFO is answered with a sentence of the provider."""
    await _behind(w, INFO=b"-ERR This command is not available on the free plan, please upgrade\r\n")
    await _works(w)


@world(healthy=True)
async def info_denied_in_other_words(w: World) -> None:
    """INFO and DBSIZE are "disabled for security reasons"."""
    sentence = b"-ERR command is disabled for security reasons\r\n"
    await _behind(w, INFO=sentence, DBSIZE=sentence)
    await _works(w)


@world(healthy=True)
async def info_nearly_empty(w: World) -> None:
    """INFO holds two lines only, as of a compatible server that was written last year."""
    await _behind(w, INFO=_bulk("# Server\r\nredis_version:7.4.0\r\n"))
    await _works(w)


@world(healthy=True)
async def info_with_nonsense(w: World) -> None:
    """INFO with empty, negative and worded values, and no colon in one line."""
    lines = ("redis_version:", "used_memory:-1", "maxmemory:unlimited", "no colon here", "keyspace_hits:1e99", "role:x")
    await _behind(w, INFO=_bulk("\r\n".join(lines)))
    await _works(w)


@world(healthy=True)
async def a_server_without_hello(w: World) -> None:
    """Redis 5: HELLO is an unknown command, so is CLIENT SETINFO; RESP2 does."""
    await _behind(w, HELLO=UNKNOWN_COMMAND, CLIENT=b"-ERR Unknown subcommand or wrong number of arguments\r\n")
    await _works(w)


@world()
async def reads_that_fail_half_of_the_time(w: World) -> None:
    """Every GET is answered BUSY by a script that runs for ever: counters are unknown, not zero."""
    busy = b"-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.\r\n"
    await _behind(w, GET=busy, MGET=busy, EVAL=busy, EVALSHA=busy, TTL=busy, PTTL=busy)
    answer = await w.diagnose()
    row = answer.doc["rate_limiting"]["rate_limits"].get("chat", {})
    w.expect("the counter", "null", answer.doc["rate_limiting"], row.get("current_count") is None)
    w.expect("not healthy", "exit 1", answer.summary, answer.code == 1)
