"""How the gateway's connections are made. Nothing here connects: the first command or request does.

Redis commands are never retried: a counter would count twice. HTTP ignores proxies from the environment.
"""

import httpx
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from backend.config.services_new import services
from backend.config.settings import Settings
from backend.utils.circuit_breaker import CircuitBreaker
from backend.utils.upstream import MAX_IN_FLIGHT, GuardedTransport

PATIENCE_SECONDS = 2.0  # a burst may keep this process busy for a second: that is no silence of the server's


def open_redis(url: str) -> Redis:
    """Return a client that answers in bytes and gives up on a silent server after two seconds.

    A burst waits for a free connection rather than pass unlimited, but not longer than a slow Redis may take.
    """
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=128,
        timeout=10,
        socket_connect_timeout=PATIENCE_SECONDS,
        socket_timeout=PATIENCE_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
    return Redis.from_pool(pool)


def open_http(settings: Settings, inner: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    """Return the client for the AI Engine and other upstreams; `inner` replaces the network."""

    def breaker_for(url: str) -> CircuitBreaker:
        return CircuitBreaker(
            services.name_of(url),
            failure_share=settings.breaker_failure_share,
            minimum_calls=settings.breaker_minimum_calls,
            window_seconds=settings.breaker_window_seconds,
            recovery_seconds=settings.breaker_recovery_seconds,
        )

    # Idle connections go before uvicorn's 5 s: one that the engine closes as we reuse it would look like a fault.
    limits = httpx.Limits(max_connections=MAX_IN_FLIGHT, keepalive_expiry=2)
    network = inner or httpx.AsyncHTTPTransport(limits=limits, trust_env=False)
    return httpx.AsyncClient(
        transport=GuardedTransport(network, breaker_for, settings.engine_timeout_seconds),
        timeout=None,  # noqa: S113 - the guard's deadline, which leaves out the time that is our own
        trust_env=False,
    )
