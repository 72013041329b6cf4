"""The reference gateway behind sentinels: ``uvicorn optimus_tui.demo.sentinel_gateway:app``.

Its client is redis-py's own: each new connection asks the sentinels for the primary.
"""

import importlib
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff

from optimus_tui.demo.node_clients import PATIENCE_SECONDS
from optimus_tui.settings.redis_url import parse_redis_url

MAX_CONNECTIONS = 512
"""More than the demo ever asks for at once: this pool does not wait for a free one."""
_GATEWAY: Any = importlib.import_module("backend.app")


def open_redis(url: str) -> Redis:
    """Return the gateway's client for ``redis+sentinel://host:port,host:port/service``."""
    target = parse_redis_url(url, "demo")
    waits = {"socket_connect_timeout": PATIENCE_SECONDS, "socket_timeout": PATIENCE_SECONDS}
    open_sentinels: Any = Sentinel  # the library's own is untyped
    sentinels = open_sentinels(target.seeds, **waits, retry=Retry(NoBackoff(), 0), max_connections=MAX_CONNECTIONS)
    return sentinels.master_for(target.service)  # type: ignore[no-any-return]


_GATEWAY.open_redis = open_redis
app: Any = _GATEWAY.app
