"""The composition root: settings, clock and clients for one run. Clients are built on first use.

Importing this module loads neither redis nor httpx; building a client does.
"""

import asyncio
from collections.abc import Coroutine
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from optimus_tui import lean_imports
from optimus_tui.clock import Clock
from optimus_tui.probes.load_meter import LoadMeter
from optimus_tui.settings.model import Settings
from optimus_tui.settings.tuning import TUNING, Tuning

if TYPE_CHECKING:
    import httpx

    from optimus_tui.contract.findings import Finding
    from optimus_tui.contract.keyspace import LimitRules
    from optimus_tui.contract.reading import Fault
    from optimus_tui.dialects.layout import KeyLayout
    from optimus_tui.history.samples.store import Store
    from optimus_tui.history.samples.windows import Windows
    from optimus_tui.probes.events.feed import FeedReader
    from optimus_tui.probes.http.tls import TlsOf
    from optimus_tui.probes.redis.observer import ObserverRedis
    from optimus_tui.probes.round_trips import CommandLog

T = TypeVar("T")
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
    *(
        f"optimus_tui.probes.{name}"
        for name in ("cache_keys", "counter_names", "keyspace", "counters", "postgres", "server", "sweep")
    ),
    *(f"optimus_tui.probes.redis.{name}" for name in ("observer", "rights")),
)
"""What a first check of gateway, engine and Redis imports. A tool imports these in a thread before it measures:
otherwise 200 to 900 ms of our own imports would count as the engine's latency."""


def load_probes() -> None:
    """Import ``PROBE_MODULES``. Called in a thread, because it takes time."""
    lean_imports.load(PROBE_MODULES)


class Context:
    """Everything that a probe or a tool needs from outside, for one event loop. The feed runs in a thread of its own.

    ``keep_log`` keeps the sent commands for the command log screen; processes without a screen discard them.
    """

    def __init__(
        self, settings: Settings, clock: Clock | None = None, *, keep_log: bool = True, tuning: Tuning = TUNING
    ) -> None:
        self.settings = settings
        self.tuning = tuning
        self.clock = clock or Clock()
        self.own = LoadMeter(self.clock, keep_log, tuning)
        self.shown: tuple[float, tuple[Finding, ...]] = (0.0, ())
        """The findings that the dashboard of this process shows, and the monotonic seconds of its last report."""
        self.published: LimitRules | None = None
        """The limits that the gateway published last to the dashboard of this process; None before it did."""
        self._beside: set[asyncio.Task[Any]] = set()

    @property
    def log(self) -> "CommandLog":
        """Return the log of all commands and requests that were sent to Redis and HTTP services."""
        return self.own.log

    @cached_property
    def layout(self) -> "KeyLayout":
        """Return how names of keys are read: by the profile in the settings, or by the built-in one."""
        from optimus_tui.dialects.layout import KeyLayout, own_layout

        if self.settings.dialect is None:
            return own_layout()
        return KeyLayout(self.settings.dialect)

    @cached_property
    def redis(self) -> "ObserverRedis":
        """Return the observer's client: a command that is not on its list is refused before it is sent."""
        from optimus_tui.probes.redis.observer import observer_client

        return observer_client(self.settings.redis, self.own, self.layout)

    @cached_property
    def http(self) -> "httpx.AsyncClient":
        """Return the HTTP client for all services, without redirects and without the environment's proxies."""
        from optimus_tui.probes.http.fetch import new_http_client

        return self._careful(new_http_client(self.log, tls=self._tls))

    @cached_property
    def fresh_http(self) -> "httpx.AsyncClient":
        """Return an HTTP client that opens a new connection for every request, to reach another worker."""
        from optimus_tui.probes.http.fetch import FRESH, new_http_client

        return self._careful(new_http_client(self.log, limits=FRESH, tls=self._tls))

    @property
    def _tls(self) -> "dict[str, TlsOf]":
        if self.settings.dialect is None:
            return {}
        from optimus_tui.probes.http.tls import of_services

        return of_services(self.settings)

    def _careful(self, client: "httpx.AsyncClient") -> "httpx.AsyncClient":
        """Return the client; it sends the headers that the profile names, and asks no path that costs money."""
        from optimus_tui.probes.http.free_paths import FreePaths

        FreePaths(client, self.settings)
        if self.settings.dialect is not None:
            from optimus_tui.probes.http.profile_health import ProfileHeaders

            client.auth = ProfileHeaders(self.settings)
        return client

    @cached_property
    def feed(self) -> "FeedReader":
        """Return the reader of coherence events; it is not started yet."""
        return self.new_feed()

    def new_feed(self, keep: int = 10_000) -> "FeedReader":
        """Return one more reader of events. ``keep``: how many of the newest stay available."""
        from optimus_tui.probes.events.feed import FeedReader

        return FeedReader(self.settings.redis, self.own, self.clock, keep=keep, layout=self.layout, redis=self.redis)

    @property
    def open_feed(self) -> "FeedReader | None":
        """Return the reader of events if this process has one; None if it has none."""
        return self.__dict__.get("feed")

    @cached_property
    def store(self) -> "Store":
        """Return the environment's history file; it is opened with the first query or sample."""
        from optimus_tui.history.samples.store import Store, history_path, system_of

        return Store(history_path(self.settings), system_of(self.settings), clock=self.clock)

    @cached_property
    def windows(self) -> "Windows":
        """Return the reader of windows over the last minutes: Prometheus if it is configured, else the history."""
        from optimus_tui.history.samples.windows import Windows

        return Windows(self.settings, lambda: self.store, self._get, self.clock, self.tuning)

    async def _get(self, url: str, deadline_s: float, cap_bytes: int) -> "tuple[int, bytes] | Fault":
        from optimus_tui.probes.http.fetch import fetch_or_fault

        return await fetch_or_fault(self.http, url, deadline_s, cap_bytes)

    def beside(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Start work that may continue after its caller returned; it is cancelled when this context is closed."""
        task = asyncio.ensure_future(work)
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)
        return task

    async def aclose(self) -> None:
        """End the work started with ``beside``, and close all clients that were built. Safe to call twice."""
        running = [task for task in self._beside if task.get_loop() is asyncio.get_running_loop()]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
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
