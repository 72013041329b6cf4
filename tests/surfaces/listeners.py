"""Processes of ``serve`` and ``mcp --http``, spoken to by raw sockets."""

import contextlib
import http.client
import json
import socket
import subprocess
from typing import Any, NamedTuple

from tests.patience import PATIENCE

VERBS = [["serve"], ["mcp", "--http"]]


class Running(NamedTuple):
    """A server of ours. ``path`` takes POSTs."""

    process: "subprocess.Popen[bytes]"
    port: int
    path: str

    def ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
        """One request on a connection of its own: the response, read, and its body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request(method, path, body, {**JSON, **(headers or {})})
            response = connection.getresponse()
            return response, response.read()

    def greet(self, version: str = "2025-06-18") -> tuple[int, str]:
        """Open an MCP session: the status and its id."""
        response, _ = self.ask("POST", "/mcp", json.dumps(opening(version)))
        return response.status, response.getheader("mcp-session-id") or ""

    def good(self) -> int:
        """The status of an honest request."""
        if self.path == "/mcp":
            return self.greet()[0]
        return int(self.ask("GET", "/mcp")[0].status)

    def raw(self, data: bytes) -> socket.socket:
        """A connection on which this was sent."""
        peer = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        peer.sendall(data)
        return peer

    def head(self, length: int) -> bytes:
        """The head of a POST with a body of so many bytes."""
        lines = [f"POST {self.path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", f"Content-Length: {length}"]
        lines += [f"{name}: {value}" for name, value in JSON.items()]
        return "\r\n".join([*lines, "", ""]).encode()


def message_of(body: bytes) -> Any:
    text = body.decode()
    return json.loads(text.rpartition("data: ")[2] if text.startswith(("event:", "id:", "data:")) else text)


JSON = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}


def opening(version: str = "2025-06-18") -> dict[str, Any]:
    params = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}
    return {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
