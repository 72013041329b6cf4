"""The composition root: settings, clock and clients for one run. Clients are built on first use, not before.

Importing this module loads neither redis nor httpx; building a client does.
"""

from functools import cached_property
from typing import TYPE_CHECKING

from optimus_tui.clock import Clock
from optimus_tui.probes.own import OwnLoad
from optimus_tui.settings.model import Settings

if TYPE_CHECKING:
    import httpx

    from optimus_tui.probes.client import ObserverRedis
    from optimus_tui.probes.feed import FeedReader


class Context:
    """What a probe or a tool needs from the outside. One event loop uses it; the feed has a thread of its own."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.settings = settings
        self.clock = clock or Clock()
        self.own = OwnLoad(self.clock)

    @cached_property
    def redis(self) -> "ObserverRedis":
        """The read-only client: a command that is not on the observer's list is refused before the socket."""
        from optimus_tui.probes.client import observer_client

        return observer_client(self.settings.redis, self.own)

    @cached_property
    def http(self) -> "httpx.AsyncClient":
        """One client for all services, without redirects and without the environment's proxies."""
        from optimus_tui.probes.fetch import new_http_client

        return new_http_client()

    @cached_property
    def feed(self) -> "FeedReader":
        """The reader of coherence events; not started yet."""
        from optimus_tui.probes.feed import FeedReader

        return FeedReader(self.settings.redis, self.own, self.clock)

    async def aclose(self) -> None:
        """Close what was built; safe to call twice."""
        built = self.__dict__
        if "feed" in built:
            built.pop("feed").stop()
        if "redis" in built:
            await built.pop("redis").aclose()
        if "http" in built:
            await built.pop("http").aclose()
