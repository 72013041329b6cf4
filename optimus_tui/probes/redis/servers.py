"""The clients of several servers that belong together, each by its place."""

from collections.abc import Callable, Iterable
from typing import Any, Generic, Protocol, TypeVar

from optimus_tui.probes.redis.slots import NodeAddress
from optimus_tui.settings.model import RedisTarget


class NodeClient(Protocol):
    """A client of one server, as far as it is used here."""

    target: RedisTarget

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send a command and return its reply."""

    def pipeline(self) -> Any:
        """Return a pipeline."""

    async def aclose(self) -> None:
        """Close all connections."""


Client = TypeVar("Client", bound=NodeClient)


class Servers(Generic[Client]):
    """The clients of several servers by address, and how an address that a server announces is reached from here."""

    def __init__(self, target: RedisTarget, make: Callable[[RedisTarget], Client]) -> None:
        self.target, self._make = target, make
        self._clients: dict[NodeAddress, Client] = {}

    def reach(self, host: str, port: int, via: NodeAddress) -> NodeAddress:
        """Return the address at which a server is reached from here.

        Args:
            host: As it is announced; empty stands for the host of ``via``.
            port: As it is announced.
            via: The server that announced it.
        """
        return NodeAddress(*self.target.reach(host, port, via.host))

    def at(self, place: NodeAddress) -> Client:
        """Return the client of the server at this address. It connects on first use."""
        client = self._clients.get(place)
        if client is None:
            client = self._clients[place] = self._make(self.target.at(place.host, place.port))
        return client

    async def keep_only(self, places: Iterable[NodeAddress]) -> None:
        """Close the clients of servers at other addresses than these."""
        for place in set(self._clients) - set(places):
            await self._clients.pop(place).aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        await self.keep_only(())
