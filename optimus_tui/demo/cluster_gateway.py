"""The reference gateway on a cluster: ``uvicorn optimus_tui.demo.cluster_gateway:app``.

The gateway's cache does each step in one script over several keys, which lie in different slots of a cluster. Here each
script is replaced by smaller ones, one a slot, in an order that keeps the guarantee of the whole: a cached answer
counts only while the generations under which it was asked for are unchanged. They are read each time, and deleted
before anything else.
"""

import importlib
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from optimus_tui.demo.node_clients import ClusterScript, PlainNode, ask, open_cluster, scan
from optimus_tui.probes.redis.nodes import ClusterNodes

Script = Callable[..., Awaitable[Any]]
_GATEWAY: Any = importlib.import_module("backend.app")
_SCRIPTS: Any = importlib.import_module("backend.utils.cache_scripts")

# KEYS: hash of the kind. ARGV: thing, rest, new generation, generation of the tenant, owner, lease in ms, seconds to
# keep the hash, the most things in it. Returns the state and the generations.
_CLAIM = (
    _SCRIPTS.HELPERS
    + """
local kind = fields(KEYS[1], ARGV[1], ':' .. ARGV[2])
if not kind[1] then
  kind[1] = ARGV[3]
  if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[8]) then redis.call('UNLINK', KEYS[1]) end
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
end
keep(KEYS[1], ARGV[7])
local now = generation(kind[1], ARGV[4])
local time = redis.call('TIME')
local ms = time[1] * 1000 + math.floor(time[2] / 1000)
local owner, stop, under = string.match(kind[2] or '', '^(%S+) (%S+) (%S+)$')
if owner and under == now and tonumber(stop) > ms then return {'wait', now} end
redis.call('HSET', KEYS[1], ':' .. ARGV[2], ARGV[5] .. ' ' .. string.format('%.0f', ms + ARGV[6]) .. ' ' .. now)
return {'lead', now}
"""
)

# KEYS: hash of the kind. ARGV: thing, rest, owner, generations, generation of the tenant, whether there is an answer,
# the most bytes of the rests under a thing, new generation, seconds to keep the hash. Returns the generations to store.
_NAME = (
    _SCRIPTS.HELPERS
    + """
local kind = fields(KEYS[1], ARGV[1], ':' .. ARGV[2])
if kind[2] and string.match(kind[2], '^%S+') == ARGV[3] then redis.call('HDEL', KEYS[1], ':' .. ARGV[2]) end
if ARGV[6] == '' or generation(kind[1], ARGV[5]) ~= ARGV[4] then return '' end
local named = kind[1]
if not string.find(named .. ' ', ' ' .. ARGV[2] .. ' ', 1, true) then
  named = named .. ' ' .. ARGV[2]
  if #named > tonumber(ARGV[7]) then named = ARGV[8] .. ' ' .. ARGV[2] end
  redis.call('HSET', KEYS[1], ARGV[1], named)
end
keep(KEYS[1], ARGV[9])
return generation(named, ARGV[5])
"""
)

# KEYS: hash of the kind. ARGV: whether one thing is meant, thing, the most answers to name. Returns whether all are
# named, and what stood in the fields that are gone now.
_DROP = """
local found = {1}
if ARGV[1] == '1' then
  for _, thing in ipairs({ARGV[2], '*'}) do
    found[#found + 1] = redis.call('HGET', KEYS[1], thing) or nil
    redis.call('HDEL', KEYS[1], thing)
  end
  return found
end
local page = redis.call('HSCAN', KEYS[1], 0, 'COUNT', ARGV[3])
for at = 1, #page[2], 2 do
  if string.sub(page[2][at], 1, 1) ~= ':' then found[#found + 1] = page[2][at + 1] end
end
if page[1] ~= '0' then found[1] = 0 end
redis.call('UNLINK', KEYS[1])
return found
"""


class ClusterRedis:
    """The part of a Redis client that the gateway uses, for a cluster."""

    def __init__(self, nodes: ClusterNodes[PlainNode]) -> None:
        self._nodes = nodes
        self._claim, self._name, self._drop = (ClusterScript(nodes, text) for text in (_CLAIM, _NAME, _DROP))

    async def __aenter__(self) -> "ClusterRedis":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._nodes.aclose()

    async def ping(self) -> None:
        """Ask the next of the primaries whether it is there."""
        await self._nodes.one(("PING",))

    async def scan(self, _cursor: int, match: str, count: int) -> tuple[int, list[bytes]]:
        """Return all names that match; there is no cursor over several nodes."""
        return 0, [key async for keys in scan(self._nodes, match) for key in keys]

    def register_script(self, text: str) -> Script:
        """Return a function that runs a script of the gateway; one over several keys is replaced by smaller ones."""
        for whole, parts in (
            (_SCRIPTS.LOOK_UP, self._look_up),
            (_SCRIPTS.STORE, self._store),
            (_SCRIPTS.INVALIDATE, self._invalidate),
        ):
            if text.endswith(whole):
                return parts
        return ClusterScript(self._nodes, text)

    async def _look_up(self, keys: Sequence[str], args: Sequence[Any]) -> tuple[bytes, bytes, bytes]:
        answer, of_kind, of_tenant = keys
        thing, rest, kind, fresh, owner, lease, kept, most = args
        raw, (under, _), (everything, *doubts) = await ask(
            self._nodes,
            ("GET", answer),
            ("HMGET", of_kind, thing, f":{rest}"),
            ("HMGET", of_tenant, "*", f"!{kind}", "!*"),
        )
        if raw and under and everything:
            now = b"%s.%s" % (under.split(b" ")[0], everything)
            if raw.startswith(now + b" "):
                return b"hit", now, raw[len(now) + 1 :]
        if not owner:
            return b"miss", b"", b""
        *_, everything, _, _ = await ask(
            self._nodes,
            ("HSETNX", of_tenant, "*", fresh),
            ("HSET", of_tenant, f"+{kind}", 1),
            ("HGET", of_tenant, "*"),
            *_kept(of_tenant, kept),
        )
        state, now = await self._claim(keys=(of_kind,), args=(thing, rest, fresh, everything, owner, lease, kept, most))
        doubted = any(float(until or 0) > time.time() * 1000 for until in doubts)
        return b"doubt" if doubted else state, now, b""

    async def _store(self, keys: Sequence[str], args: Sequence[Any]) -> int:
        answer, of_kind, of_tenant = keys
        thing, rest, owner, generations, text, ttl, kept, most, fresh = args
        (everything,) = await ask(self._nodes, ("HGET", of_tenant, "*"))
        named = await self._name(
            keys=(of_kind,),
            args=(thing, rest, owner, generations, everything or b"", text and "1", most, fresh, kept),
        )
        if not named or not everything:
            return 0
        await ask(self._nodes, ("SET", answer, named + b" " + text.encode(), "EX", ttl), *_kept(of_tenant, kept))
        return 1

    async def _invalidate(self, keys: Sequence[str], args: Sequence[Any]) -> tuple[int, int]:
        of_tenant, log, channel = keys
        tenant, thing, has_thing, doubt_ms, most, length, beginning, *named = args
        kinds = [(kind, has_thing == "1" and own == "1") for kind, own in zip(named[::2], named[1::2], strict=True)]
        doubted = [f"!{kind}" for kind, _ in kinds] or ["!*"]
        if not kinds:
            _, fields = await ask(self._nodes, ("HDEL", of_tenant, "*"), ("HKEYS", of_tenant))
            kinds = [(field[1:].decode(), False) for field in fields if field.startswith(b"+")]
        whole, stale = 1, []
        for kind, one in kinds:
            all_named, *found = await self._drop(
                keys=(f"cache_coherence:{tenant}:{kind}",), args=(int(one), thing, most)
            )
            whole = min(whole, all_named)
            rests = [rest.decode() for text in found for rest in text.split(b" ")[1:]]
            stale += [f"cache:{kind}:{tenant}:{rest}" for rest in rests]
        until = int(time.time() * 1000 + doubt_ms)
        if doubt_ms > 0:
            marks = [word for name in doubted for word in (name, until)]
            await ask(self._nodes, ("HSET", of_tenant, *marks), *_kept(of_tenant, doubt_ms // 1000 + 1))
        removed = sum(await ask(self._nodes, *(("UNLINK", key) for key in stale))) if stale else 0
        event = f'{beginning}{removed}, "complete": {"true" if whole else "false"}}}'
        await ask(self._nodes, ("LPUSH", log, event), ("LTRIM", log, 0, int(length) - 1), ("PUBLISH", channel, event))
        return removed, whole


def _kept(key: str, seconds: int) -> tuple[tuple[Any, ...], ...]:
    """Return the commands that keep a hash for so long at least."""
    return ("EXPIRE", key, seconds, "NX"), ("EXPIRE", key, seconds, "GT")


def open_redis(url: str) -> ClusterRedis:
    """Return the gateway's client for ``redis+cluster://host:port,host:port``."""
    return ClusterRedis(open_cluster(url))


_GATEWAY.open_redis = open_redis
app: Any = _GATEWAY.app
