"""Real clusters and sentinels for tests. Their files are written as if they had found each other already, so that three
primaries with a replica each are ready in about two seconds, and a trio of sentinels at once."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from redis.crc import key_slot

from optimus_tui.contract.cluster import SLOTS
from optimus_tui.demo.nodes import node_id, node_lines, node_options, sentinel_lines, server_options
from tests.patience import PATIENCE
from tests.realserver import free_ports, server_binary

NODE_TIMEOUT_MS = 500


def cluster_binary() -> str:
    """The binary of a server that can be part of a cluster, and a sentinel; without one the test fails in CI."""
    found = shutil.which("redis-server") or server_binary()
    if found is None:
        missing = "no redis-server and no valkey-server here"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return found


def say(port: int, *words: str | bytes | int) -> Any:
    """One command over a fresh socket; the reply, an error as an exception."""
    import redis

    client = redis.Redis(port=port, protocol=2, socket_timeout=5, driver_info=None)
    with contextlib.closing(client):
        return client.execute_command(*words)


def raw(port: int, line: str) -> bytes:
    """The raw reply to a command that is written as a line."""
    with socket.create_connection(("127.0.0.1", port), 5) as link:
        link.sendall(line.encode() + b"\r\n")
        return link.recv(1 << 20)


def until(what: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait until ``what`` holds; a server that does not answer yet counts as not."""
    from redis.exceptions import RedisError

    end = time.monotonic() + seconds
    while True:
        with contextlib.suppress(RedisError, OSError):
            if what():
                return
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.01)


class Process:
    """One server, started with a configuration file of its own."""

    def __init__(self, binary: str, folder: Path, name: str, *options: str) -> None:
        self.binary, self.folder, self.options = binary, folder / name, options
        self.folder.mkdir()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [self.binary, *self.options], cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def kill(self) -> None:
        """kill -9, as in an outage."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def signal(self, number: int) -> None:
        """Freeze it with SIGSTOP, or let it go on with SIGCONT."""
        assert self.process is not None
        self.process.send_signal(number)


def _tls_options(port: int, folder: Path) -> tuple[str, ...]:
    return (
        *("--tls-port", str(port), "--tls-cluster", "yes", "--tls-replication", "yes", "--tls-auth-clients", "yes"),
        *("--tls-cert-file", f"{folder}/cert.pem", "--tls-key-file", f"{folder}/key.pem"),
        *("--tls-ca-cert-file", f"{folder}/cert.pem"),
    )


class RealCluster:
    """Three primaries, at ``ports[:3]``, with a replica each, at ``ports[3:]``."""

    def __init__(self, binary: str, *, certificates: Path | None = None, **config: str) -> None:
        """With ``certificates``, a folder with cert.pem and key.pem, the nodes speak TLS at ``tls_ports`` with each
        other and with all who show that certificate; the tests go on asking at ``ports``."""
        self.folder = Path(tempfile.mkdtemp(prefix="optimus-cluster-"))
        ports = free_ports(18)
        self.ports, buses, self.tls_ports = ports[:6], ports[6:12], ports[12:]
        self.ids = [node_id(index) for index in range(6)]
        more = [word for name, value in config.items() for word in (f"--{name.replace('_', '-')}", value)]
        self.nodes = [
            Process(
                binary, self.folder, f"node{index}", *node_options(port, bus, NODE_TIMEOUT_MS), *more,
                *(_tls_options(self.tls_ports[index], certificates) if certificates else ()),
            )
            for index, (port, bus) in enumerate(zip(self.ports, buses, strict=True))
        ]  # fmt: skip
        places = self.tls_ports if certificates else self.ports
        for me, node in enumerate(self.nodes):
            (node.folder / "nodes.conf").write_text(node_lines(places, buses, me))

    @property
    def seeds(self) -> tuple[tuple[str, int], ...]:
        return tuple(("127.0.0.1", port) for port in self.ports[:3])

    def start(self) -> "RealCluster":
        for node in self.nodes:
            node.start()
        try:
            until(lambda: all(b"cluster_state:ok" in raw(port, "CLUSTER INFO") for port in self.ports))
            until(lambda: all(b"master_link_status:up" in raw(port, "INFO replication") for port in self.ports[3:]))
        except BaseException:
            self.stop()
            raise
        return self

    def owner(self, key: bytes) -> int:
        """The number of the primary that a key belonged to at the start."""
        return next(index for index in range(3) if key_slot(key) < (index + 1) * SLOTS // 3)

    def put(self, *keys: bytes, ttl: int | None = 600) -> None:
        for key in keys:
            say(self.ports[self.owner(key)], "SET", key, b"1", *(("EX", ttl) if ttl else ()))

    def migrating(self, slot: int, source: int, target: int) -> None:
        """Begin to move a slot, as far as the keys that are moved by hand."""
        say(self.ports[target], "CLUSTER", "SETSLOT", slot, "IMPORTING", self.ids[source])
        say(self.ports[source], "CLUSTER", "SETSLOT", slot, "MIGRATING", self.ids[target])

    def move_key(self, key: bytes, source: int, target: int) -> None:
        say(self.ports[source], "MIGRATE", "127.0.0.1", self.ports[target], "", 0, 5000, "KEYS", key)

    def move_slot(self, slot: int, source: int, target: int) -> None:
        """Move a slot with all its keys."""
        self.migrating(slot, source, target)
        for key in say(self.ports[source], "CLUSTER", "GETKEYSINSLOT", slot, 100):
            self.move_key(key, source, target)
        self.settle(slot, target, source, 3 - source - target)

    def settle(self, slot: int, owner: int, *others: int) -> None:
        """End the move of a slot: it belongs to ``owner``."""
        for index in (owner, *others):
            say(self.ports[index], "CLUSTER", "SETSLOT", slot, "NODE", self.ids[owner])

    def take_over(self, index: int) -> None:
        """Make a node the primary of its part, without a vote."""
        say(self.ports[index], "CLUSTER", "FAILOVER", "TAKEOVER")
        until(lambda: self.is_led_by(index))

    def is_led_by(self, index: int, *, without: int | None = None) -> bool:
        """Whether all nodes say that this one is a primary, and that all is well; ``without`` one that is away."""
        asked = [port for at, port in enumerate(self.ports) if at != without]
        return all(self._knows(port, index) and b"cluster_state:ok" in raw(port, "CLUSTER INFO") for port in asked)

    def _knows(self, port: int, index: int) -> bool:
        rows = say(port, "CLUSTER", "SLOTS")
        return any(row[2][1] == self.ports[index] for row in rows)

    def stop(self) -> None:
        for node in self.nodes:
            node.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class RealSentinels:
    """Three sentinels that watch over ``servers[0]`` and its replica ``servers[1]`` under the name mymaster."""

    def __init__(self, binary: str, password: str = "") -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="optimus-sentinel-"))
        ports = free_ports(5)
        self.servers, self.ports = ports[:2], ports[2:]
        first, second = self.servers
        self.nodes = [
            Process(binary, self.folder, "server0", *server_options(first)),
            Process(binary, self.folder, "server1", *server_options(second, first)),
        ]
        for index in range(len(self.ports)):
            node = Process(binary, self.folder, f"sentinel{index}", "sentinel.conf", "--sentinel")
            lines = [sentinel_lines(self.servers, self.ports, index, 500, 5000)]
            if password:
                lines += [f"requirepass {password}", f"sentinel sentinel-pass {password}"]
            (node.folder / "sentinel.conf").write_text("\n".join([*lines, ""]))
            self.nodes.append(node)

    @property
    def seeds(self) -> tuple[tuple[str, int], ...]:
        return tuple(("127.0.0.1", port) for port in self.ports)

    def start(self) -> "RealSentinels":
        for node in self.nodes[:2]:
            node.start()
        try:
            until(lambda: b"master_link_status:up" in raw(self.servers[1], "INFO replication"))
            for node in self.nodes[2:]:
                node.start()
            until(lambda: all(raw(port, "PING") for port in self.ports))
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        for node in self.nodes:
            node.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
