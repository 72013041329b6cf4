"""The composition root: settings, clock and clients for one run. Clients are built on first use.

Importing this module loads neither redis nor httpx; building a client does.
"""

from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING

from optimus_tui.clock import Clock
from optimus_tui.probes.load_meter import LoadMeter
from optimus_tui.settings.model import Settings

if TYPE_CHECKING:
    import httpx

    from optimus_tui.contract.findings import Finding
    from optimus_tui.contract.reading import Fault
    from optimus_tui.history.samples.store import Store
    from optimus_tui.history.samples.windows import Windows
    from optimus_tui.probes.events.feed import FeedReader
    from optimus_tui.probes.redis.guard import ObserverRedis
    from optimus_tui.probes.round_trips import CommandLog

CLIENT_MODULES = ("redis.asyncio", "httpx", "optimus_tui.history.samples.store")
"""What building the clients imports; a screen imports them in a thread before it uses any."""
PROBE_MODULES = (
    *CLIENT_MODULES,
    *(
        "anyio._backends._asyncio",
        "h11",
        "hiredis",
        "httpcore",
        "idna",
        "sniffio",
        "optimus_tui.history.samples.windows",
    ),
    *(f"optimus_tui.probes.http.{name}" for name in ("fetch", "integration", "metrics", "services")),
    *(f"optimus_tui.probes.{name}" for name in ("cache_keys", "keyspace", "counters", "postgres", "server")),
    *(f"optimus_tui.probes.redis.{name}" for name in ("guard", "rights")),
)
"""What a first check of gateway, engine and Redis imports. A tool imports these in a thread before it measures:
otherwise 200 to 900 ms of our own imports would count as the engine's latency."""


def load_probes() -> None:
    """Import ``PROBE_MODULES``. Called in a thread."""
    for name in PROBE_MODULES:
        import_module(name)


class Context:
    """Everything that a probe or a tool needs from outside, for one event loop. The feed runs in a thread of its own.

    ``keep_log`` keeps the sent commands for the command log screen; processes without a screen discard them.
    """

    def __init__(self, settings: Settings, clock: Clock | None = None, *, keep_log: bool = True) -> None:
        self.settings = settings
        self.clock = clock or Clock()
        self.own = LoadMeter(self.clock, keep_log)
        self.shown: tuple[float, tuple[Finding, ...]] = (0.0, ())
        """The findings that the dashboard of this process shows, and the monotonic seconds of its last report."""

    @property
    def log(self) -> "CommandLog":
        """Return the log of all commands and requests that were sent to Redis and HTTP services."""
        return self.own.log

    @cached_property
    def redis(self) -> "ObserverRedis":
        """Return the observer's client: a command that is not on its list is refused before it is sent."""
        from optimus_tui.probes.redis.guard import observer_client

        return observer_client(self.settings.redis, self.own)

    @cached_property
    def http(self) -> "httpx.AsyncClient":
        """Return the HTTP client for all services, without redirects and without the environment's proxies."""
        from optimus_tui.probes.http.fetch import new_http_client

        return new_http_client(self.log)

    @cached_property
    def fresh_http(self) -> "httpx.AsyncClient":
        """Return an HTTP client that opens a new connection for every request, to reach another worker."""
        from optimus_tui.probes.http.fetch import FRESH, new_http_client

        return new_http_client(self.log, limits=FRESH)

    @cached_property
    def feed(self) -> "FeedReader":
        """Return the reader of coherence events; it is not started yet."""
        from optimus_tui.probes.events.feed import FeedReader

        return FeedReader(self.settings.redis, self.own, self.clock)

    @cached_property
    def store(self) -> "Store":
        """Return the environment's history file; it is opened with the first query or sample."""
        from optimus_tui.history.samples.store import Store, history_path, system_of

        return Store(history_path(self.settings), system_of(self.settings), clock=self.clock)

    @cached_property
    def windows(self) -> "Windows":
        """Return the queries over the last minutes: Prometheus where it is configured, else the history."""
        from optimus_tui.history.samples.windows import Windows

        return Windows(self.settings, lambda: self.store, self._get, self.clock)

    async def _get(self, url: str, deadline_s: float, cap_bytes: int) -> "tuple[int, bytes] | Fault":
        from optimus_tui.probes.http.fetch import fetch_or_fault

        return await fetch_or_fault(self.http, url, deadline_s, cap_bytes)

    async def aclose(self) -> None:
        """Close all clients that were built. Safe to call twice."""
        built = self.__dict__
        built.pop("windows", None)
        if "store" in built:
            await built.pop("store").close()
        if "feed" in built:
            built.pop("feed").stop()
        if "redis" in built:
            await built.pop("redis").aclose()
        if "http" in built:
            await built.pop("http").aclose()
        if "fresh_http" in built:
            await built.pop("fresh_http").aclose()
