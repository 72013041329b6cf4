"""A relay that writes down every command that passes it on the way to the server."""

import contextlib
import socket
from typing import Any

import hiredis

from tests.relay import Relay


class Tap(Relay):
    """``commands`` holds the words of each command in the order of arrival, over all connections."""

    def __init__(self, port: int) -> None:
        self.commands: list[list[bytes]] = []
        super().__init__(port)

    def names(self) -> list[str]:
        """The first one or two words, as the server's ACL names commands that have subcommands."""
        return [_name(words) for words in self.commands]

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if sink.getpeername()[1] == self._far:
                source = _Recording(source, self.commands)  # type: ignore[assignment]
        super()._pump(source, sink)


class _Recording:
    def __init__(self, source: socket.socket, commands: list[list[bytes]]) -> None:
        self._source, self._commands, self._reader = source, commands, hiredis.Reader()

    def recv(self, size: int) -> bytes:
        data = self._source.recv(size)
        self._reader.feed(data)
        while (words := self._reader.gets()) is not False:
            self._commands.append(words if isinstance(words, list) else [words])
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)


def _name(words: list[bytes]) -> str:
    spelled = [word.decode("latin-1").lower() for word in words[:2]]
    parents = ("client", "object", "memory", "pubsub", "slowlog", "latency", "acl", "config", "script", "function")
    return "|".join(spelled) if spelled[0] in parents else spelled[0]
