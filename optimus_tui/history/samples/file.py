"""The history file: SQLite in WAL mode, one connection, used by one thread; its rows, and its errors in words.

A set of samples is one row, not one row per sample, so that a day at two seconds stays below the cap with two thousand
series. Rows of other systems (other addresses in the same environment) are in the same file and never returned.
Nothing is retried here: ``store`` does that.
"""

import contextlib
import errno
import os
import sqlite3
import struct
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from optimus_tui.clock import Clock
from optimus_tui.contract.reading import Fault
from optimus_tui.storage.private_file import LockHeld, PrivateFile, UnreadableFile, in_the_way
from optimus_tui.wording.safe import safe_text

Row = tuple[int, bytes, bytes]
"""Milliseconds since the epoch, packed series numbers, packed values."""
Samples = list[tuple[float, float]]
SIDE_FILES = ("-wal", "-shm")
"""Endings of SQLite's own files. They are moved first: a new file must never be opened with an old log."""
SCHEMA = 1
APPLICATION = 0x4F505453
BUSY_SECONDS = 2.0
FORGET_NAMES_SECONDS = 3600.0
MAX_NAMES = 20_000
STEADY_SECONDS = 120.0
JUMP_SECONDS = 3600.0
FUTURE_SECONDS = 60.0
_LITTLE = 0.9
"""The oldest tenth is dropped above this share of the size."""
_TABLES = """
CREATE TABLE IF NOT EXISTS plain(at INTEGER PRIMARY KEY, ids BLOB NOT NULL, numbers BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS labelled(at INTEGER PRIMARY KEY, ids BLOB NOT NULL, numbers BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS names(id INTEGER PRIMARY KEY AUTOINCREMENT, system TEXT NOT NULL, name BLOB NOT NULL,
                                 used INTEGER NOT NULL, UNIQUE(system, name));
CREATE TABLE IF NOT EXISTS kept(system TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY(system, key));
"""
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_LOCKED = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL)
_CLOSED_TO_US = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_AUTH)


def pack(values: Mapping[int, float]) -> tuple[bytes, bytes]:
    """Return series numbers (32 bits) and their values as bytes."""
    ids = sorted(values)
    return struct.pack(f"<{len(ids)}I", *ids), struct.pack(f"<{len(ids)}d", *(values[one] for one in ids))


def unpack(ids: bytes, numbers: bytes) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Return what ``pack`` encoded; nothing where the two do not belong together."""
    count = len(ids) // 4
    if len(ids) != 4 * count or len(numbers) != 8 * count:
        return (), ()
    return struct.unpack(f"<{count}I", ids), struct.unpack(f"<{count}d", numbers)


def pick_one(rows: Iterable[Row], series: int) -> Samples:
    """Return the samples of one series, times in seconds, oldest first. Rows with the same series cost one look-up."""
    samples: Samples = []
    before, place = b"", -1
    for at, ids, numbers in rows:
        if ids != before:
            known = unpack(ids, numbers)[0]
            before, place = ids, bisect_left(known, series)
            if known[place : place + 1] != (series,):
                place = -1
        if place >= 0 and len(numbers) == 2 * len(ids):
            samples.append((at / 1000, struct.unpack_from("<d", numbers, 8 * place)[0]))
    return samples


def pick_many(rows: Iterable[Row], series: Collection[int]) -> dict[int, Samples]:
    """Return the samples of several series."""
    found: dict[int, Samples] = {one: [] for one in series}
    before, targets = b"", list[tuple[int, Samples]]()
    for at, ids, numbers in rows:
        known, values = unpack(ids, numbers)
        if not known:
            continue
        if ids != before:
            before, targets = ids, [(n, found[one]) for n, one in enumerate(known) if one in found]
        seconds = at / 1000
        for place, samples in targets:
            samples.append((seconds, values[place]))
    return found


class NewerFile(Exception):
    """A later version of this product wrote the file, so it is not touched."""


class HistoryFile:
    """The open file. Its methods raise sqlite3.Error, OSError or NewerFile."""

    def __init__(
        self,
        path: Path,
        system: str,
        clock: Clock,
        *,
        retention_s: float,
        max_bytes: int,
        max_names: int = MAX_NAMES,
    ) -> None:
        self.path, self.system, self.clock = path, system, clock
        self.retention_s, self.max_bytes, self.max_names = retention_s, max_bytes, max_names
        self.left_out = 0
        """Samples that were dropped because the file had no room for their names."""
        self.read_only: OSError | None = None
        """Why nothing can be written here; None where it can."""
        self._ids: dict[str, int] = {}
        self._forget_at = 0.0
        self._last_at = self._steady_since = self._tidied_at = float("-inf")
        self._identity = (0, 0)
        self.db = self._open()

    def _open(self) -> sqlite3.Connection:
        try:
            self._touch(os.O_RDWR | os.O_CREAT)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise
            self._touch(os.O_RDONLY)
            self.read_only = error
            return self._open_to_read()
        db = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            self._prepare(db)
        except BaseException:
            db.close()
            raise
        return db

    def _touch(self, flags: int) -> None:
        """Make sure that there is a regular file, private where it belongs to this user."""
        with PrivateFile.open(self.path, flags) as file:
            found = os.fstat(file.handle)
            if found.st_uid == os.geteuid():
                file.make_private()
        self._identity = (found.st_dev, found.st_ino)

    def _open_to_read(self) -> sqlite3.Connection:
        """Open a file that may not be written. Without the right to create side files SQLite reads it as unchanging."""
        for option in ("mode=ro", "immutable=1"):
            db = sqlite3.connect(f"{self.path.as_uri()}?{option}", uri=True, timeout=BUSY_SECONDS, isolation_level=None)
            try:
                self._check(db)
            except BaseException as error:
                db.close()
                if option == "immutable=1" or not isinstance(error, sqlite3.OperationalError):
                    raise
            else:
                return db
        raise AssertionError  # pragma: no cover - the second try returns or raises

    def _check(self, db: sqlite3.Connection) -> int:
        """Return the schema's version; sqlite3.DatabaseError for another kind of file, NewerFile for a later one."""
        db.execute("PRAGMA trusted_schema=OFF")
        db.execute("BEGIN")
        version: int = db.execute("PRAGMA user_version").fetchone()[0]
        application = db.execute("PRAGMA application_id").fetchone()[0]
        tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        db.execute("COMMIT")
        if tables and application != APPLICATION:
            raise sqlite3.DatabaseError("the file is not a history of Optimus TUI")
        if version > SCHEMA:
            raise NewerFile
        return version

    def _prepare(self, db: sqlite3.Connection) -> None:
        version = self._check(db)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        db.execute("PRAGMA journal_size_limit=4194304")
        page = db.execute("PRAGMA page_size").fetchone()[0]
        db.execute(f"PRAGMA max_page_count={max(16, self.max_bytes // page)}")
        if version < SCHEMA:
            db.execute("BEGIN IMMEDIATE")
            for statement in _TABLES.split(";"):
                db.execute(statement)
            db.execute(f"PRAGMA application_id={APPLICATION}")
            db.execute(f"PRAGMA user_version={SCHEMA}")
            db.execute("COMMIT")

    @property
    def moved(self) -> bool:
        """Return True when another file, or none, is at the path now: ours was set aside or removed."""
        try:
            found = self.path.lstat()
        except OSError:
            return True
        return (found.st_dev, found.st_ino) != self._identity

    def close(self) -> None:
        """Close the file."""
        self.db.close()

    # -- writing

    def write(self, sets: Sequence[tuple[float, Mapping[str, float]]]) -> None:
        """Write sets of samples (seconds, values by name) in one transaction; a set joins one of the same time."""
        if self.read_only is not None:
            raise self.read_only
        if not sets:
            return
        latest = sets[-1][0]
        back = latest < self._last_at - FUTURE_SECONDS
        if back or latest > self._last_at + JUMP_SECONDS:
            self._steady_since = latest
        forget = latest >= self._forget_at
        ids: dict[str, int] = {}
        if not forget:
            ids |= self._ids
        self.db.execute("BEGIN IMMEDIATE")
        try:
            if back and latest > self._last_at - self.retention_s:
                self._drop(f"at > {_ms(latest)}")  # measured by a clock that was wrong, or is wrong now
            for at, values in sets:
                self._put(_ms(at), values, ids, latest)
            self.db.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self.db.execute("ROLLBACK")
            raise
        if forget:
            self._forget_at = latest + FORGET_NAMES_SECONDS
        self._ids, self._last_at = ids, latest
        if latest - self._steady_since >= STEADY_SECONDS and abs(latest - self._tidied_at) >= 60:
            self._tidied_at = latest
            self.tidy(latest)

    def _put(self, at: int, values: Mapping[str, float], ids: dict[str, int], latest: float) -> None:
        sets: dict[str, dict[int, float]] = {"plain": {}, "labelled": {}}
        for name, value in values.items():
            number = ids.get(name) or self._number(name, ids, latest)
            if number:
                sets[_table(name)][number] = value
        for table, numbered in sets.items():
            if numbered:
                old = self.db.execute(f"SELECT ids, numbers FROM {table} WHERE at=?", (at,)).fetchone()  # noqa: S608
                if old:
                    numbered = dict(zip(*unpack(*old), strict=True)) | numbered
                statement = f"INSERT OR REPLACE INTO {table} VALUES(?, ?, ?)"
                self.db.execute(statement, (at, *pack(numbered)))

    def _number(self, name: str, ids: dict[str, int], latest: float) -> int:
        """Return the series' number in the file; 0 where there is no room for more names."""
        key, now = (self.system, _raw(name)), int(latest)
        found = self.db.execute("SELECT id FROM names WHERE system=? AND name=?", key).fetchone()
        if found:
            self.db.execute("UPDATE names SET used=? WHERE id=?", (now, found[0]))
        elif self.db.execute("SELECT count(*) FROM names").fetchone()[0] >= self.max_names:
            self.left_out += 1
            return 0
        else:
            found = (self.db.execute("INSERT INTO names(system, name, used) VALUES(?, ?, ?)", (*key, now)).lastrowid,)
        ids[name] = int(found[0])
        return ids[name]

    def keep(self, key: str, value: bytes) -> None:
        """Store one document under a key, replacing the former one."""
        if self.read_only is not None:
            raise self.read_only
        self.db.execute("INSERT OR REPLACE INTO kept VALUES(?, ?, ?)", (self.system, key, value))

    # -- the size

    def tidy(self, now: float) -> None:
        """Drop samples that are too old or in the future, and the oldest tenth where the file is nearly full.

        A process that was suspended resumes with an old ``now``: what others wrote meanwhile is not in the future.
        """
        future = max(now, self.clock.wall()) + FUTURE_SECONDS
        self._drop(f"at < {_ms(now - self.retention_s)} OR at > {_ms(future)}")
        self.db.execute("DELETE FROM names WHERE used < ?", (int(now - self.retention_s - 2 * FORGET_NAMES_SECONDS),))
        for _ in range(10):
            if self.used_bytes <= _LITTLE * self.max_bytes:
                return
            self.make_room()

    def make_room(self) -> None:
        """Drop the oldest tenth of the time that the file covers."""
        spans = [
            self.db.execute(f"SELECT min(at), max(at) FROM {table}").fetchone()  # noqa: S608
            for table in ("plain", "labelled")
        ]
        known = [(first, last) for first, last in spans if first is not None]
        if known:
            first, last = min(one[0] for one in known), max(one[1] for one in known)
            self._drop(f"at <= {first + (last - first) // 10}")

    def _drop(self, condition: str) -> None:
        for table in ("plain", "labelled"):
            self.db.execute(f"DELETE FROM {table} WHERE {condition}")  # noqa: S608 - whole numbers of ours

    @property
    def used_bytes(self) -> int:
        """Return the size of the file, without free pages and without the log beside it."""
        pages, free, size = (
            self.db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size)

    # -- reading

    def read(self, names: Iterable[str], since: float, until: float) -> dict[str, Samples]:
        """Return samples by name, both ends included, oldest first."""
        found: dict[str, Samples] = {}
        numbered: dict[str, dict[int, str]] = {"plain": {}, "labelled": {}}
        for name in names:
            found[name] = []
            row = self.db.execute(
                "SELECT id FROM names WHERE system=? AND name=?", (self.system, _raw(name))
            ).fetchone()
            if row:
                numbered[_table(name)][row[0]] = name
        for table, series in numbered.items():
            if not series:
                continue
            rows = self._rows(table, since, until)
            if len(series) == 1:
                ((number, name),) = series.items()
                found[name] = pick_one(rows, number)
            else:
                found |= {series[number]: samples for number, samples in pick_many(rows, series).items()}
        return found

    def _rows(self, table: str, since: float, until: float) -> Iterator[Row]:
        """Yield rows of the right shape: a damaged file can hold anything."""
        statement = f"SELECT at, ids, numbers FROM {table} WHERE at BETWEEN ? AND ? ORDER BY at"  # noqa: S608
        for at, ids, numbers in self.db.execute(statement, (_ms(since), _ms(until))):
            if type(ids) is bytes and type(numbers) is bytes:
                yield at, ids, numbers

    def names(self, prefix: str) -> list[str]:
        """Return all series of this system whose names begin with ``prefix``."""
        start = _raw(prefix)
        statement = "SELECT name FROM names WHERE system=? AND name >= ? AND substr(name, 1, ?) = ?"
        found = []
        for (raw,) in self.db.execute(statement, (self.system, start, len(start), start)):
            if type(raw) is bytes:
                with contextlib.suppress(UnicodeDecodeError):
                    found.append(raw.decode("utf-8", "surrogatepass"))
        return sorted(found)

    def kept(self, key: str) -> bytes | None:
        """Return the document under a key, or None."""
        row = self.db.execute("SELECT value FROM kept WHERE system=? AND key=?", (self.system, key)).fetchone()
        if row and type(row[0]) is bytes:
            return row[0]
        return None


def _table(name: str) -> str:
    """Return the table of a series, by its name."""
    if "|" in name:
        return "labelled"
    return "plain"


def is_there(path: Path) -> bool:
    """Return whether anything has the file's name, of whatever kind. OSError where that cannot be determined."""
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    return True


def is_sound(path: Path) -> bool:
    """Return whether SQLite finds no fault in the whole file and this product wrote it."""
    db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        if db.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            return False
        empty = not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        return empty or db.execute("PRAGMA application_id").fetchone()[0] == APPLICATION
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode not in _DAMAGED:
            raise
        return False
    finally:
        db.close()


def _raw(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")


def _ms(seconds: float) -> int:
    return round(max(-1e14, min(1e14, seconds)) * 1000)


def is_damage(error: BaseException) -> bool:
    """Return whether the file itself is damaged, so that no retry helps."""
    if isinstance(error, sqlite3.OperationalError) or not isinstance(error, sqlite3.DatabaseError):
        return _code(error) in _DAMAGED
    return _code(error) in (*_DAMAGED, None)


def is_full(error: BaseException) -> bool:
    """Return whether there is no room: on the disk, or below our own cap."""
    return _code(error) == sqlite3.SQLITE_FULL


def is_locked(error: BaseException) -> bool:
    """Return True if another process has locked the file. Such a lock is soon released."""
    return _code(error) in _LOCKED or isinstance(error, LockHeld)


def fault_of_history(error: BaseException, path: Path) -> Fault:
    """Return the fault in one sentence that names the file, without SQLite's own words, which can name statements."""
    place, code, number = safe_text(str(path), 200), _code(error), getattr(error, "errno", None)
    if isinstance(error, NewerFile):
        remedy = "update this installation, or move that file away"
        return Fault("invalid", f"{place} was written by a newer version; samples stay in memory", remedy)
    if is_damage(error):
        return Fault("invalid", f"{place} is damaged")
    if is_full(error) or number in (errno.ENOSPC, errno.EDQUOT):
        return Fault("busy", f"no room for {place}: the disk is full; samples wait in memory", "free some space")
    if is_locked(error):
        return Fault("busy", f"{place} is locked by another process; samples wait in memory")
    if blocked := in_the_way(path.parent):
        return Fault("busy", f"{blocked}; samples wait in memory")
    if code in _CLOSED_TO_US or number in (errno.EACCES, errno.EPERM, errno.EROFS):
        remedy = "check the rights of that file and its directory"
        return Fault("denied", f"{place} cannot be written; samples stay in memory", remedy)
    if isinstance(error, UnreadableFile):
        return Fault("busy", f"{error}; samples wait in memory", "move it away, or check its rights")
    what = getattr(error, "strerror", None) or type(error).__name__
    if code is not None:
        what = f"SQLite error {code}"
    return Fault("busy", f"{place}: {safe_text(what, 80)}; samples wait in memory")


def _code(error: BaseException) -> int | None:
    """Return SQLite's primary error code."""
    code = getattr(error, "sqlite_errorcode", None)
    if isinstance(code, int):
        return code & 0xFF
    return None
