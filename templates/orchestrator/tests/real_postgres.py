"""A real PostgreSQL of the tests' own on a loopback port, from Debian's package or from PATH."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg


def find_programs() -> Path | None:
    """Return the folder of initdb and postgres, the newest first; None where there are none."""
    found = shutil.which("postgres")
    places = [Path(found).parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "initdb").exists()), None)


class RealPostgres:
    """Started on construction; `remove` ends it with its data. As root it runs as the user postgres."""

    def __init__(self, programs: Path, port: int) -> None:
        self._programs, self._port = programs, port
        self._place = Path(tempfile.mkdtemp(prefix="engine-postgres-"))
        self._as: dict[str, int] = {}
        if os.geteuid() == 0:
            owner = pwd.getpwnam("postgres")
            self._as = {"user": owner.pw_uid, "group": owner.pw_gid}
            os.chown(self._place, owner.pw_uid, owner.pw_gid)
        words = ["initdb", "-D", str(self._place / "data"), "-U", "engine", "-A", "trust"]
        command = [str(programs / words[0]), *words[1:]]
        subprocess.run(command, check=True, capture_output=True, cwd=self._place, **self._as)  # type: ignore[call-overload]  # noqa: S603
        self.start()

    @property
    def dsn(self) -> str:
        """The address of its one database."""
        return f"postgresql://engine@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [str(self._programs / "postgres"), "-D", str(self._place / "data"), "-p", str(self._port)]
        command += ["-k", str(self._place), "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=30"]
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(command, cwd=self._place, stdout=quiet, stderr=quiet, **self._as)  # type: ignore[call-overload]  # noqa: S603
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with contextlib.suppress(psycopg.OperationalError), psycopg.connect(self.dsn):
                return
            time.sleep(0.05)
        raise RuntimeError("postgres did not become ready")

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return bool(self._process.poll() is None)

    def stop(self) -> None:
        """End the server; its data stays."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(20)

    def empty(self) -> None:
        """Drop all that was made in it."""
        with psycopg.connect(self.dsn) as connection:
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")

    def remove(self) -> None:
        """End it and delete its data."""
        if self.running:
            self.stop()
        shutil.rmtree(self._place, ignore_errors=True)
