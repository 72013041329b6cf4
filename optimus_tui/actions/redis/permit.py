"""The commands and keys that one action may send. Pure.

The connection checks each command here before it is sent, so a key that is not in the plan cannot be written to,
whatever else went wrong. Patterns, scripts, and commands that write several keys are never allowed.
"""

from collections.abc import Collection, Sequence

from optimus_tui.probes.redis.commands import (
    MAX_SCAN_COUNT,
    CommandRefused,
    Word,
    as_bytes,
    check_database,
    name_of_command,
)

LOCK_MS = 30_000

_LOOKS = """
    HELLO AUTH PING SELECT CLIENT|SETNAME INFO TIME SCAN TYPE PTTL UNWATCH MULTI EXEC DISCARD ACL|WHOAMI ACL|DRYRUN
"""
_LOOKING = frozenset(_LOOKS.split())
_ON_KEYS = frozenset({"UNLINK", "EXPIRE"})


class Permit:
    """What one action may send. Without keys it allows reading only.

    Args:
        commands: Commands of the action that write (UNLINK, EXPIRE, PUBLISH).
        keys: The plan's keys.
        channel: The channel of the plan's event, or None.
        lock: The name of the tenant's lock, or None.
        db: The only database that SELECT may name.
    """

    def __init__(
        self,
        commands: Collection[str] = (),
        keys: Collection[bytes] = (),
        channel: bytes | None = None,
        lock: bytes | None = None,
        db: int = 0,
    ) -> None:
        self._commands, self._keys = frozenset(commands), frozenset(keys)
        self._channel, self._lock, self._db = channel, lock, db

    def cleared(self, words: Sequence[Word]) -> tuple[Word, ...]:
        """Return the words.

        Raises:
            CommandRefused: The action may not send this command.
        """
        name = name_of_command(words)
        if name in _ON_KEYS:
            self._check_write(name, words)
        elif name == "WATCH":
            self._check_keys(words[1:])
        elif name == "PUBLISH":
            if "PUBLISH" not in self._commands or len(words) != 3 or as_bytes(words[1]) != self._channel:
                raise CommandRefused("an event that is not this action's")
        elif name in ("SET", "GET", "PEXPIRE"):
            self._check_lock(name, words)
        elif name == "SELECT":
            check_database(words, self._db)
        elif name == "SCAN":
            _check_scan(words)
        elif name not in _LOOKING:
            raise CommandRefused(f"{name[:40]!r} is not on this action's list")
        return tuple(words)

    def _check_write(self, name: str, words: Sequence[Word]) -> None:
        raw = [as_bytes(word) for word in words]
        if name == "UNLINK" and len(raw) == 2 and raw[1] == self._lock:
            return
        if name not in self._commands:
            raise CommandRefused(f"{name} is not on this action's list")
        if name == "UNLINK" and len(raw) != 2:
            raise CommandRefused("UNLINK of several keys at once: their outcomes could not be told apart")
        if name == "EXPIRE" and not (len(raw) in (3, 4) and raw[2].isdigit() and raw[3:] in ([], [b"NX"])):
            raise CommandRefused("EXPIRE that is not a plain number of seconds")
        self._check_keys(words[1:2])

    def _check_keys(self, keys: Sequence[Word]) -> None:
        if not keys or any(as_bytes(key) not in self._keys for key in keys):
            raise CommandRefused("a key that is not in the plan")

    def _check_lock(self, name: str, words: Sequence[Word]) -> None:
        raw = [as_bytes(word) for word in words]
        if self._lock is None or len(raw) < 2 or raw[1] != self._lock:
            raise CommandRefused(f"{name} of anything but this action's lock")
        tail = {"SET": [b"NX", b"PX", b"%d" % LOCK_MS], "PEXPIRE": [b"%d" % LOCK_MS], "GET": []}[name]
        if raw[3 if name == "SET" else 2 :] != tail:
            raise CommandRefused(f"{name} of the lock in another form than ours")


def _check_scan(words: Sequence[Word]) -> None:
    options = [as_bytes(word).upper() for word in words[2:]]
    if len(options) != 2 or options[0] != b"COUNT" or not options[1].isdigit() or int(options[1]) > MAX_SCAN_COUNT:
        raise CommandRefused("a scan with a pattern, or of too many keys a call")
