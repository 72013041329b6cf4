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

import optimus_tui.probes.cache
import optimus_tui.probes.client
import optimus_tui.probes.coherence
import optimus_tui.probes.fetch
import optimus_tui.probes.integration
import optimus_tui.probes.keyspace
import optimus_tui.probes.limits
import optimus_tui.probes.memory
import optimus_tui.probes.metrics
import optimus_tui.probes.postgres
import optimus_tui.probes.rights
import optimus_tui.probes.server
import optimus_tui.probes.services
import optimus_tui.probes.slowlog
import optimus_tui.probes.timing

MODULES = (anyio._backends._asyncio, h11, hiredis, httpcore, httpx, idna, redis.asyncio, sniffio, optimus_tui)
"""The imported modules."""
