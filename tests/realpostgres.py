"""A real PostgreSQL on a loopback port, with one login and a password, that can be stopped and frozen."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from tests.patience import PATIENCE
from tests.realserver import free_port

USER, PASSWORD = "watcher", "right:pass/word@1"
"""The password holds what an address must escape."""
UNPRIVILEGED = "postgres"


def postgres_folder() -> Path | None:
    """Return where Debian keeps initdb and postgres, newest first; None where there are none."""
    found = shutil.which("postgres")
    places = [Path(found).parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "initdb").exists()), None)


class RealPostgres:
    """Started on construction; ``stop`` ends it and removes its data. As root it runs as the user postgres."""

    def __init__(self, programs: Path) -> None:
        self.programs, self.port = programs, free_port()
        self.dir = Path(tempfile.mkdtemp(prefix="optimus-pg-"))
        (self.dir / "password").write_text(PASSWORD)
        self._as: dict[str, int] = {}
        if os.geteuid() == 0:
            someone = pwd.getpwnam(UNPRIVILEGED)
            self._as = {"user": someone.pw_uid, "group": someone.pw_gid}
            for path in (self.dir, self.dir / "password"):
                os.chown(path, someone.pw_uid, someone.pw_gid)
        self._run(
            "initdb", "-D", str(self.data), "-U", USER, "-A", "scram-sha-256", "--pwfile", str(self.dir / "password")
        )
        self.process = self.start()

    @property
    def data(self) -> Path:
        return self.dir / "data"

    def _run(self, name: str, *words: str) -> None:
        subprocess.run(
            [self.programs / name, *words], check=True, capture_output=True, cwd=self.dir, timeout=120, **self._as
        )  # type: ignore[call-overload]

    def start(self) -> "subprocess.Popen[bytes]":
        """Start it, and wait until it accepts connections."""
        words = ["-D", str(self.data), "-p", str(self.port), "-k", str(self.dir), "-c", "listen_addresses=127.0.0.1"]
        words += ["-c", "fsync=off", "-c", "max_connections=5", "-c", "superuser_reserved_connections=0"]
        self.process = subprocess.Popen(
            [self.programs / "postgres", *words], cwd=self.dir, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            **self._as,
        )  # type: ignore[call-overload]  # fmt: skip
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                time.sleep(0.3)  # it accepts a moment before it serves
                return self.process
            time.sleep(0.05)
        raise RuntimeError("postgres did not become ready")

    def freeze(self) -> None:
        """Keep it from answering, its children included: connections are accepted by the system and not served."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        """End the server; its data stays."""
        self.process.send_signal(signal.SIGCONT)
        self.process.send_signal(signal.SIGINT)
        self.process.wait(PATIENCE)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.end()
        shutil.rmtree(self.dir, ignore_errors=True)
