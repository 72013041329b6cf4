"""Three witnesses of what a server was told: MONITOR, its own statistics of commands, and the data before and after.

MONITOR shows words and who said them, but neither administration nor what was refused; the statistics count all of it.
What a command is, the server says (``COMMAND INFO``): no list of writes stands here, only one of harmless commands that
the server calls neither a read nor a matter of the connection.
"""

import contextlib
import re
import socket
import threading
import time
from typing import Any, NamedTuple

import hiredis

from tests.patience import PATIENCE

_HARMLESS = """
    info time subscribe psubscribe unsubscribe punsubscribe pubsub|channels pubsub|numsub pubsub|numpat slowlog|get
    slowlog|len latency|latest acl|whoami acl|dryrun client|no-evict
"""
HARMLESS = frozenset(_HARMLESS.split())
"""Not reads by the server's flags, and they change nothing: everything else that is no read counts as a write."""
OWN_KEY = re.compile(rb"integration_test:.+:[0-9a-f]{16}", re.DOTALL)
OWN_SECONDS = 60
_LINE = re.compile(rb"\+?[0-9.]+ \[\d+ ([^\]]+)\] (.*)", re.DOTALL)
_WORD = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPED = re.compile(rb"\\(x[0-9a-f]{2}|.)", re.DOTALL)
_PLAIN = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"a": b"\a", b"b": b"\b"}


class Said(NamedTuple):
    """One command on the wire: who (address, or ``lua``) and the words."""

    who: str
    words: tuple[bytes, ...]


class Link:
    """A raw connection; ``who`` is its address as the server sees it."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self._reader = hiredis.Reader()
        self._turn = threading.Lock()
        self.asked: list[tuple[bytes, ...]] = []
        host, mine = self._socket.getsockname()
        self.who = f"{host}:{mine}"

    def ask(self, *words: str | bytes) -> Any:
        with self._turn:
            self.asked.append(tuple(word.encode() if isinstance(word, str) else word for word in words))
            self._socket.sendall(hiredis.pack_command(words))  # type: ignore[arg-type]
            while (reply := self._reader.gets()) is False:
                piece = self._socket.recv(1 << 16)
                assert piece, "the server hung up"
                self._reader.feed(piece)
            return reply

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


class Witness:
    """Watches from ``begin`` on. ``link`` is the test's own voice: what it says is not held against anybody."""

    def __init__(self, port: int) -> None:
        self.port, self.ours = port, list[Link]()
        self.link = self.voice()
        self.heard: list[Said] = []
        self._kinds: dict[str, frozenset[str]] = {}
        self._tap = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self._tap.sendall(b"MONITOR\r\n")
        assert self._tap.recv(5) == b"+OK\r\n"
        self._tap.settimeout(None)
        self.thread = threading.Thread(target=self._listen, name="monitor", daemon=True)
        self.thread.start()

    def voice(self) -> Link:
        """Another connection whose words are the test's own."""
        self.ours.append(Link(self.port))
        return self.ours[-1]

    def _listen(self) -> None:
        rest = b""
        with contextlib.suppress(OSError):
            while piece := self._tap.recv(1 << 16):
                *lines, rest = (rest + piece).split(b"\r\n")
                self.heard += [_said(line) for line in lines]

    # -- from when to when -----------------------------------------------------------------------------------------

    def begin(self) -> None:
        """From here on everything counts."""
        self.prove_sight()
        self.link.ask("ACL", "LOG", "RESET")
        for one in self.ours:
            one.asked.clear()
        self.link.ask("CONFIG", "RESETSTAT")
        self.before = self._picture()
        self._dirty = self._field("persistence", "rdb_changes_since_last_save")
        self.heard.clear()

    def prove_sight(self) -> None:
        """A write of somebody else must be seen, and seen to be a write.

        The kernel gives ports out again: only what is heard from now on is the stranger's, and its connection stays
        open until the witness is closed, so that nobody else can speak from its address.
        """
        stranger, already = Link(self.port), len(self.heard)
        stranger.ask("SET", "stranger", "x", "PX", "1")
        self._catch_up()
        seen = [one for one in self.heard[already:] if one.who == stranger.who]
        assert [one.words[:2] for one in seen] == [(b"SET", b"stranger")], "the tap is blind"
        assert self.is_write(seen[0].words) and self.strangers()[-1:] == seen, "the judge is blind"
        self.ours.append(stranger)
        stranger.ask("UNLINK", "stranger")

    def _catch_up(self) -> None:
        mark = b"mark-%d" % time.monotonic_ns()
        self.link.ask("ECHO", mark)
        until = time.monotonic() + PATIENCE
        while not any(one.words[-1] == mark for one in self.heard[-200:]):
            assert time.monotonic() < until and self.thread.is_alive(), "the tap heard nothing any more"
            time.sleep(0.005)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._tap.shutdown(socket.SHUT_RDWR)
        self._tap.close()
        self.thread.join(5)
        for one in self.ours:
            one.close()

    # -- the verdict -----------------------------------------------------------------------------------------------

    def strangers(self) -> list[Said]:
        """Everything that others than the test said, in order."""
        ours = {one.who for one in self.ours}
        return [one for one in self.heard if one.who not in ours]

    def account(self) -> "Account":
        """What all three saw, up to now."""
        self._catch_up()
        said = self.strangers()
        return Account(
            said=said,
            writes=[one for one in said if self.is_write(one.words)],
            counted=self._counted(),
            changes=self._field("persistence", "rdb_changes_since_last_save") - self._dirty,
            picture=self._picture(),
        )

    def is_write(self, words: tuple[bytes, ...]) -> bool:
        """By the server's own flags; what it knows nothing about counts as one."""
        return self.changes(self._name(words))

    def changes(self, name: str) -> bool:
        """Whether a command, named as the statistics name it, is anything but a look."""
        kinds = self._kinds_of(name)
        if "readonly" in kinds or ("@connection" in kinds and "admin" not in kinds):
            return False
        return "write" in kinds or name not in HARMLESS

    def _name(self, words: tuple[bytes, ...]) -> str:
        first = words[0].decode("latin-1").lower()
        if len(words) == 1:
            return first
        both = f"{first}|{words[1].decode('latin-1').lower()}"
        return both if self._kinds_of(both) else first

    def _kinds_of(self, name: str) -> frozenset[str]:
        if name not in self._kinds:
            found = self.link.ask("COMMAND", "INFO", name)[0]
            words = [*found[2], *found[6]] if found else []
            self._kinds[name] = frozenset(word.decode() if isinstance(word, bytes) else str(word) for word in words)
        return self._kinds[name]

    def _counted(self) -> dict[str, int]:
        """Tries of each command by anybody but the test, refused ones included."""
        counts: dict[str, int] = {}
        asked = [words for one in self.ours for words in one.asked]
        text = self.link.ask("INFO", "commandstats").decode()
        for name, calls, refused in re.findall(r"cmdstat_(\S+?):calls=(\d+),.*?rejected_calls=(\d+)", text):
            counts[name] = int(calls) + int(refused)
        for words in asked:
            counts[self._name(words)] -= 1
        return {name: count for name, count in counts.items() if count}

    def _field(self, section: str, name: str) -> int:
        found = re.search(rf"{name}:(\d+)", self.link.ask("INFO", section).decode())
        assert found
        return int(found[1])

    def _picture(self) -> dict[bytes, tuple[bytes, int]]:
        """Value and time of expiry of every key but those of the integration test."""
        names, cursor = set[bytes](), b"0"
        while True:
            cursor, page = self.link.ask("SCAN", cursor, "COUNT", "1000")
            names |= set(page)
            if cursor == b"0":
                break
        kept = sorted(name for name in names if not OWN_KEY.fullmatch(name))
        return {name: (self.link.ask("DUMP", name), self.link.ask("PEXPIRETIME", name)) for name in kept}


class Account(NamedTuple):
    """``counted`` are tries by command; ``changes`` what the server itself counted as changes of its data."""

    said: list[Said]
    writes: list[Said]
    counted: dict[str, int]
    changes: int
    picture: dict[bytes, tuple[bytes, int]]


def only_its_own_key(witness: Witness, least: int, changes_of_ours: int = 0) -> Account:
    """Assert that nobody wrote anything but the integration test's key, and that ``least`` commands were looked at."""
    account = witness.account()
    kept: dict[bytes, int] = {}
    for one in account.writes:
        name, key = one.words[0].upper(), one.words[1] if len(one.words) > 1 else b""
        known = OWN_KEY.fullmatch(key) is not None
        if known and name == b"SET" and len(one.words) == 5 and one.words[3].upper() == b"EX" and key not in kept:
            assert 0 < int(one.words[4]) <= OWN_SECONDS, one
            kept[key] = 0
        elif known and name == b"UNLINK" and len(one.words) == 2 and kept.get(key) == 0:
            kept[key] = 1
        else:
            raise AssertionError(f"a write on the wire: {one}")
    sets, unlinks = len(kept), sum(kept.values())
    assert unlinks >= sets - 1, "keys of the integration test are left to their TTL"
    tried = {name: count for name, count in account.counted.items() if witness.changes(name)}
    assert tried == {name: count for name, count in (("set", sets), ("unlink", unlinks)) if count}, tried
    assert account.changes - changes_of_ours == sets + unlinks, "the server counted other changes of its data"
    assert account.picture == witness.before, "the data are not what they were"
    assert len(account.said) >= least, f"only {len(account.said)} commands: nothing was proven"
    witness.prove_sight()
    return account


def refused_writes(witness: Witness) -> list[dict[str, str]]:
    """Entries of the ACL's log whose command is not a look."""
    found = []
    for raw in witness.link.ask("ACL", "LOG", "1000"):
        words = [word.decode("latin-1") if isinstance(word, bytes) else str(word) for word in raw]
        entry = dict(zip(words[::2], words[1::2], strict=True))
        command = re.search(r"\bcmd=(\S+)", entry["client-info"])
        if command is None or witness.changes(command[1]):
            found.append(entry)
    return found


def _said(line: bytes) -> Said:
    found = _LINE.fullmatch(line)
    assert found, line
    return Said(found[1].decode(), tuple(_ESCAPED.sub(_meant, word) for word in _WORD.findall(found[2])))


def _meant(found: re.Match[bytes]) -> bytes:
    inner = found[1]
    return bytes([int(inner[1:], 16)]) if len(inner) == 3 else _PLAIN.get(inner, inner)
