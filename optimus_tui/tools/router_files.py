"""Read the source files of one tree and judge them, or look up cached verdicts. A file that fails raises nothing."""

import contextlib
import errno
import gc
import hashlib
import itertools
import os
import stat
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import msgspec

from optimus_tui.contract.tools.compliance import NOTICE
from optimus_tui.patterns.judge import EMPTY, ROUTELESS, UNFOLLOWED, UNREAD, Verdict, inspect
from optimus_tui.patterns.rules import VERSION
from optimus_tui.patterns.source.project import Project
from optimus_tui.patterns.source.roots import MARKS
from optimus_tui.patterns.source.vocabulary import own_words
from optimus_tui.storage.private_file import put_in_place
from optimus_tui.tools.parts import report
from optimus_tui.wording.safe import safe_text

MOST_BYTES = 1_000_001
"""One byte more than is judged, to recognise larger files."""
MOST_FILES = 5000
MOST_PATHS = 20_000
"""The number of files of a tree that imports may lead to."""
_NOT_ENTERED = frozenset({"__pycache__", "node_modules", "site-packages"})


class Skipped(NamedTuple):
    """The reason why a file was not read."""

    reason: str


class SourceTree:
    """The files below ``root``; paths are relative and have slashes; bytes that are not UTF-8 are surrogates."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._folders: dict[str, bool] = {}

    def read(self, path: str) -> bytes | Skipped:
        """Return a file's bytes, at most ``MOST_BYTES`` of them, or why it was not read."""
        try:
            place = self._place(path)
            if place is None:
                return Skipped("it leads out of the source tree")
            try:
                data = _read_twice(place)
            except OSError as error:
                if error.errno != errno.ELOOP:
                    raise
                place = self._behind(path)
                if place is None:
                    return Skipped("it leads out of the source tree")
                data = _read_twice(place)
            if data is None:
                return Skipped("it changed while it was read")
            return data
        except FileNotFoundError:
            return Skipped("there is no such file")
        except (RuntimeError, ValueError):
            return Skipped("its path cannot be followed")
        except OSError as error:
            return Skipped(_words(error))

    def _place(self, path: str) -> str | None:
        """Return where the file is, behind linked folders; None outside of the tree. Each folder is resolved once."""
        folder = path.rpartition("/")[0]
        if folder not in self._folders:
            there = os.path.realpath(f"{self.root}/{folder}", strict=True)
            self._folders[folder] = there == os.path.normpath(f"{self.root}/{folder}")
        if self._folders[folder] and ".." not in path:
            return f"{self.root}/{path}"
        return self._behind(path)

    def _behind(self, path: str) -> str | None:
        """Return where the links of a path end; None outside of the tree."""
        place = Path(f"{self.root}/{path}").resolve(strict=True)
        if place.is_relative_to(self.root):
            return str(place)
        return None

    def load(self, path: str) -> bytes | None:
        """Return the bytes, or None if they cannot be read. For imported modules, whose absence is not a finding."""
        try:
            os.lstat(f"{self.root}/{path}")
        except (OSError, ValueError):
            return None
        found = self.read(path)
        if isinstance(found, bytes):
            return found
        return None

    def below(self, folder: str) -> Iterator[str]:
        """Yield the Python files below a folder, sorted; linked folders are not entered."""
        yield from itertools.islice((path for path in self._walk(folder) if path.endswith(".py")), MOST_FILES)

    def layout(self) -> Iterator[str]:
        """Yield the files that imports may need: the tree's Python files, and the files that describe its projects."""
        yield from itertools.islice(self._walk(""), MOST_PATHS)

    def _walk(self, folder: str) -> Iterator[str]:
        start = str(self.root / folder) if folder else str(self.root)
        for place, folders, names in os.walk(start):
            if "pyvenv.cfg" in names:  # a virtual environment holds other people's code
                folders.clear()
                continue
            folders[:] = sorted(name for name in folders if name not in _NOT_ENTERED and not name.startswith("."))
            near = place[len(str(self.root)) :].lstrip("/").replace(os.sep, "/")
            for name in sorted(names):
                if (name.endswith(".py") or name in MARKS) and not name.startswith("."):
                    yield f"{near}/{name}" if near else name


def _words(error: OSError) -> str:
    known = {1: "permission denied", 13: "permission denied", 21: "it is a directory", 40: "its links run in a circle"}
    return known.get(error.errno or 0) or safe_text(error.strerror or type(error).__name__, 80)


def _read_twice(place: str) -> bytes | None:
    """Read the file, and read it again where it changed meanwhile."""
    data = _read_whole(place)
    if data is None:
        return _read_whole(place)
    return data


def _read_whole(place: str) -> bytes | None:
    """Return the bytes, None where the file changed meanwhile; OSError for anything but a regular file."""
    handle = os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        before = os.fstat(handle)
        if stat.S_ISDIR(before.st_mode):
            raise IsADirectoryError(21, "it is a directory")
        if not stat.S_ISREG(before.st_mode):
            raise OSError(0, "it is not a regular file (a FIFO, socket or device)")
        parts: list[bytes] = []
        left = min(MOST_BYTES, before.st_size)  # one that grows meanwhile is not followed: its size tells afterwards
        while left and (part := os.read(handle, min(left, 1 << 18))):
            parts.append(part)
            left -= len(part)
        after = os.fstat(handle)
    finally:
        os.close(handle)
    data = b"".join(parts)
    same = (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size)
    if same and len(data) == min(MOST_BYTES, before.st_size):
        return data
    return None


MOST_BYTES_KEPT = 32_000_000


_LAYOUT = "/"
"""Stands among the neighbours for the list of the tree's files and of those that put routers together: a new one may
be what an import leads to, or include a router."""


class _File(msgspec.Struct, array_like=True):
    version: str
    neighbours: dict[str, bytes] = {}
    verdicts: dict[str, tuple[bytes, Verdict]] = {}


class VerdictCache:
    """Stored verdicts, found by the content of the judged file.

    ``digest_of(path)`` returns the digest of any other file, on which a verdict may depend; b"" if it does not exist.
    """

    def __init__(
        self, root: Path, digest_of: Callable[[str], bytes], folder: Path | None = None, words: str = ""
    ) -> None:
        """Load what is kept. ``words`` are the project's own: verdicts that were made with others do not count."""
        name = hashlib.sha256(os.fsencode(root)).hexdigest()[:24]
        self._made_by = f"{_version()}{words}"
        self._place = (folder or cache_folder()) / f"{name}.msgpack"
        self._kept = self._load()
        if any(digest_of(path) != known for path, known in self._kept.neighbours.items()):
            self._kept = _File(self._made_by)
        self._changed = False

    def get(self, path: str, digest: bytes) -> Verdict | None:
        """Return the verdict on exactly these bytes, or None."""
        known = self._kept.verdicts.get(path)
        if known is not None and known[0] == digest:
            return known[1]
        return None

    def put(self, path: str, digest: bytes, verdict: Verdict) -> None:
        """Keep a verdict."""
        self._kept.verdicts[path] = (digest, verdict)
        self._changed = True

    def save(self, neighbours: Iterable[tuple[str, bytes]]) -> None:
        """Write what is new, all of it or nothing."""
        if not self._changed:
            return
        self._kept.neighbours.update(neighbours)
        try:
            data = msgspec.msgpack.encode(self._kept)
        except UnicodeEncodeError:
            return  # a name that is not a text; it is judged again each time
        if len(data) > MOST_BYTES_KEPT:
            return
        with contextlib.suppress(OSError):
            self._place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            put_in_place(self._place, data)

    def _load(self) -> _File:
        try:
            data = b""
            if self._place.stat().st_size <= MOST_BYTES_KEPT:
                data = self._place.read_bytes()
            found = msgspec.msgpack.decode(data, type=_File)
        except (OSError, msgspec.DecodeError, RecursionError):
            return _File(self._made_by)
        if found.version == self._made_by:
            return found
        return _File(self._made_by)


def cache_folder() -> Path:
    """Return the folder where verdicts are kept."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("optimus-tui")) / "patterns"


@cache
def _version() -> str:
    """Return a mark of the rules, of the grammar of this Python, and of the files that judge."""
    from optimus_tui import patterns

    folder = Path(patterns.__file__).parent
    files = sorted(folder.rglob("*.py"))
    marks = [f"{one.relative_to(folder)}:{one.stat().st_mtime_ns}:{one.stat().st_size}" for one in files]
    return f"{VERSION}/{sys.version_info[:2]}/{hashlib.sha256(' '.join(marks).encode()).hexdigest()[:16]}"


ROUTERS = "src/backend/routers"
_ALONE = threading.Lock()
"""The collector and the warnings that are switched off meanwhile are the whole process's: of two at once the later one
would keep them off."""


class Judged(NamedTuple):
    """One file of a tree with its verdict."""

    root: Path
    path: str
    verdict: Verdict


class JudgedFiles(NamedTuple):
    """The judged files, and those that were not judged, with the reason."""

    judged: tuple[Judged, ...]
    skipped: tuple[tuple[Path, str, str], ...]
    without_routes: int = 0
    """Files that declare no route; they are neither judged nor listed."""


def examine(
    root: Path, paths: Iterable[str], *, named: bool = False, seconds: float | None = None,
    use_cache: bool = True, cache_folder: Path | None = None, words: Mapping[str, Sequence[str]] | None = None,
) -> JudgedFiles:  # fmt: skip
    """Judge files of the tree at ``root``.

    ``named``: the user named these files, so one without routes is reported, and not skipped as a helper.
    ``seconds`` bounds the time; what was not reached by then is skipped, with that reason. ``words`` are the project's
    own words by meaning. One thread at a time.
    """
    with _ALONE, own_words(words or {}):
        made_by = ""
        if words:
            made_by = repr(sorted((name, sorted(own)) for name, own in words.items()))
        return _examine(root, paths, named, seconds, use_cache, cache_folder, made_by)


def _examine(
    root: Path, paths: Iterable[str], named: bool, seconds: float | None, use_cache: bool, cache_folder: Path | None,
    words: str,
) -> JudgedFiles:  # fmt: skip
    tree = SourceTree(root)
    layout = frozenset(tree.layout())
    project = Project(tree.load, lambda: layout)
    digests: dict[str, bytes] = {}
    if use_cache:
        shape = "\n".join((*sorted(layout), "", *project.assembling))
        digests[_LAYOUT] = _digest(shape.encode("utf-8", "surrogateescape"))

    def digest_of(path: str) -> bytes:
        if path not in digests:
            data = tree.load(path)
            if data is None:
                digests[path] = b""
            else:
                digests[path] = _digest(data)
        return digests[path]

    kept = None
    if use_cache:
        kept = VerdictCache(tree.root, digest_of, cache_folder, words)
    judged: list[Judged] = []
    skipped: list[tuple[Path, str, str]] = []
    everything = list(paths)
    without = 0
    stop = None
    if seconds is not None:
        stop = time.monotonic() + seconds
    collects = gc.isenabled()
    gc.disable()  # trees are many small objects without cycles that matter: collecting them doubles the time
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the parser's warnings are about what it reads, not about us
            for done, path in enumerate(everything):
                if stop is not None and time.monotonic() > stop:
                    skipped += [(tree.root, one, f"not reached within {seconds:g} s") for one in everything[done:]]
                    break
                without += _one(path, tree, project, kept, judged, skipped, named)
                report(done + 1, len(everything), "files judged")
    finally:
        project.close()
        if collects:
            gc.enable()
    if kept is not None:
        kept.save((path, digest_of(path)) for path in (_LAYOUT, *project.requested))
    return JudgedFiles(tuple(judged), tuple(skipped), without)


def _one(
    path: str, tree: SourceTree, project: Project, kept: VerdictCache | None, judged: list[Judged],
    skipped: list[tuple[Path, str, str]], named: bool,
) -> bool:  # fmt: skip
    """Judge one file, or say why it was skipped; return whether it declares no route, and so is left out."""
    data = tree.read(path)
    if isinstance(data, Skipped):
        skipped.append((tree.root, path, data.reason))
        return False
    digest = _digest(data)
    verdict = None
    if kept is not None:
        verdict = kept.get(path, digest)
    if verdict is None or (named and verdict.problem == ROUTELESS):
        try:
            verdict = inspect(path, data, project, routes_only=not named)
        except Exception as error:  # a fault of ours in one file must not take the verdicts on all others away
            skipped.append((tree.root, path, f"not judged: the validator failed with {type(error).__name__} on it"))
            return False
        if kept is not None:
            kept.put(path, digest, verdict)
    if verdict.problem == UNREAD:
        issue = verdict.issues[0]
        skipped.append((tree.root, path, f"{NOTICE}, line {issue.line}: {issue.message}"))
        return False
    if not named and verdict.problem in (EMPTY, ROUTELESS):
        if verdict.issues[0].message != UNFOLLOWED:
            return True
        reason = "add_api_route is called in a way that cannot be followed, so the file was not judged"
        skipped.append((tree.root, path, reason))
    else:
        judged.append(Judged(tree.root, path, verdict))
    return False


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def judged(tree: Path, path: str) -> tuple[bool, str]:
    """Judge one router at the highest level. Return True if it needs no work, and a sentence about the result."""
    from optimus_tui.patterns.judge import score, word

    outcome = examine(tree, [path], named=True, use_cache=False)
    if not outcome.judged:
        return False, f"it could not be judged: {outcome.skipped[0][2]}"
    verdict = outcome.judged[0].verdict
    compliance = score(verdict, "production_ready").compliance or 0.0
    first = ""
    if verdict.issues:
        first = f"; line {verdict.issues[0].line}: {verdict.issues[0].message}"
    return word(compliance) in ("excellent", "good"), f"{word(compliance)} ({compliance:.2f}) for production{first}"
