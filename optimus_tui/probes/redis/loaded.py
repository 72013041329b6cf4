"""Import everything that a first check of gateway, engine and Redis would otherwise import while it is timed.

A tool imports this module, in a thread, before its first measurement: otherwise 200 to 900 ms of our own imports would
count as the engine's latency.
"""

import anyio._backends._asyncio
import h11
import hiredis
import httpcore
import httpx
import idna
import redis.asyncio
import sniffio

import optimus_tui.probes.http.fetch
import optimus_tui.probes.http.integration
import optimus_tui.probes.http.metrics
import optimus_tui.probes.http.services
import optimus_tui.probes.keys.cache
import optimus_tui.probes.keys.keyspace
import optimus_tui.probes.keys.limits
import optimus_tui.probes.postgres
import optimus_tui.probes.redis.guard
import optimus_tui.probes.redis.rights
import optimus_tui.probes.server

MODULES = (anyio._backends._asyncio, h11, hiredis, httpcore, httpx, idna, redis.asyncio, sniffio, optimus_tui)
"""The imported modules."""
