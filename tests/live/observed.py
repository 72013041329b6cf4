"""One living system whose every command has witnesses: a real server, a gateway that answers, events that come in."""

import json
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from optimus_tui.assets import asset_dir
from optimus_tui.contract.keyspace import LimitRules
from optimus_tui.settings.model import RedisTarget, ScanBudget, Secret, Settings
from tests.hostile import HostileServer, reply
from tests.live.witness import Account, Witness, only_its_own_key
from tests.realserver import RealServer
from tests.standin import standing_in

IMMORTAL = b"rate_limit:clinic_b:chat"
ETERNAL = b"cache:conversation:acme:1"
LOGIN_PAGE = Path(__file__).parents[2] / "docs" / "security.md"
OWN_RIGHTS = ("+set", "+unlink", "~integration_test:*")
"""What the recommended login lacks for the contract's one key: with it, the ACL's log is about everything else."""
LONG = "100000"
EVENTS_A_SECOND = 5


class System:
    """``settings`` makes one for a surface; ``proven`` asks all witnesses."""

    def __init__(self, server: RealServer, services: HostileServer, witness: Witness, source: Path) -> None:
        self.server, self.services, self.witness, self.source = server, services, witness, source
        self._stop = threading.Event()
        self._traffic = threading.Thread(target=_publish, args=(witness.voice(), self._stop), name="traffic")
        witness.begin()
        self._traffic.start()

    def still(self) -> None:
        """No more events come in."""
        self._stop.set()
        self._traffic.join()

    def settings(self, *, writable: bool, acl: bool = False) -> Settings:
        login = {"username": "optimus_observer", "password": Secret("CHANGE-ME")} if acl else {}
        return Settings(
            environment="test",
            writable=writable,
            redis=RedisTarget(host="127.0.0.1", port=self.server.port, **login),  # type: ignore[arg-type]
            gateway_url=self.services.url,
            engine_url=self.services.url,
            source_path=self.source,
            limits=LimitRules(window_seconds=60, limits={"chat": 150}, source="test"),
            scan=ScanBudget(names_every_seconds=2, ttls_every_seconds=10),
            refresh_seconds=2,
        )

    def proven(self, least: int) -> Account:
        """The verdict of all witnesses, of whom none may be talking meanwhile."""
        self.still()
        return only_its_own_key(self.witness, least)


def observer_rights() -> list[str]:
    """Return the words of the recommended login."""
    found = re.search(r"^ACL SETUSER optimus_observer (reset .+)$", LOGIN_PAGE.read_text("utf-8"), re.MULTILINE)
    assert found, f"{LOGIN_PAGE} names no observer any more"
    return found[1].split()


@contextmanager
def observed(server: RealServer, folder: Path, before: Callable[[], None] | None = None) -> Iterator[System]:
    """The system, watched from the moment when all is in place. ``before`` may still write."""
    source = folder / "shop"
    shutil.copytree(asset_dir("templates") / "orchestrator", source, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    witness = Witness(server.port)
    with standing_in() as services:
        for path, body in (
            ("/api/cache/metrics", b'{"hit_rate":0.12,"total_keys":5}'),
            ("/api/chat", b'{"reply":"hello"}'),
        ):
            services.on(path, reply(body))
        _seed(witness)
        if before is not None:
            before()
            witness.link.ask("UNLINK", "optimus:lock:acme")  # of a killed action: it would end by itself meanwhile
        system = System(server, services, witness, source)
        try:
            yield system
        finally:
            system.still()
            witness.close()


def _seed(witness: Witness) -> None:
    ask: Callable[..., Any] = witness.link.ask
    ask("ACL", "SETUSER", "optimus_observer", *observer_rights(), *OWN_RIGHTS)
    ask("SET", IMMORTAL, "400")
    ask("SET", "rate_limit:clinic_b:export", "12", "EX", LONG)
    ask("SET", "rate_limit:acme:chat", "149", "EX", LONG)
    ask("SET", b"rate_limit:\x1b[31m\xff:chat", "7", "EX", LONG)
    ask("SET", ETERNAL, '{"name":"x"}')
    ask("SET", "cache:conversation:acme:2", "x" * 100, "EX", LONG)
    ask("HSET", "cache:profile:acme:3", "f", "v")
    ask("SET", b"cache:conversation:a*?[b]\r\nFLUSHALL\r\n:\x1b[2J", "x")
    ask("SET", "cache:conversation:clinic_b:9", "x", "EX", LONG)
    ask("SET", "cache_coherence_tracking:acme:conversation", "1", "EX", LONG)
    ask("LPUSH", "cache_coherence_events", *(_event("acme", place) for place in range(20)))


def _event(tenant: str, place: int) -> str:
    return json.dumps({"type": "conversation_updated", "tenant_id": tenant, "timestamp": 1_700_000_000 + place})


def _publish(link: Any, stop: threading.Event) -> None:
    place = 0
    with suppress(OSError, AssertionError):
        while not stop.wait(1 / EVENTS_A_SECOND):
            place += 1
            link.ask("PUBLISH", "cache_coherence:acme", _event("acme", place))
