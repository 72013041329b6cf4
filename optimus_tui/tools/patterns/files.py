"""Judge files of one source tree: read them, look up kept verdicts, judge the rest. A bad file raises nothing.

Verdicts on files, kept by content: a file is judged again only if its bytes or its neighbours' bytes changed.

They are kept in the user's cache directory, one file for each source tree. What cannot be read or written there is
ignored.
"""

import contextlib
import gc
import hashlib
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import msgspec

from optimus_tui.patterns.judge import EMPTY, ROUTELESS, UNFOLLOWED, Verdict, inspect
from optimus_tui.patterns.rules import VERSION
from optimus_tui.patterns.source.project import Project
from optimus_tui.probes.keys.sources import Skipped, SourceTree
from optimus_tui.storage.private_file import put_in_place
from optimus_tui.tools.parts import report

MOST_BYTES = 32_000_000


class _File(msgspec.Struct, array_like=True):
    version: str
    neighbours: dict[str, bytes] = {}
    verdicts: dict[str, tuple[bytes, Verdict]] = {}


class VerdictCache:
    """Keeps verdicts by content. ``digest_of(path)`` is the digest of a neighbour; b"" if there is no such file."""

    def __init__(self, root: Path, digest_of: Callable[[str], bytes], folder: Path | None = None) -> None:
        name = hashlib.sha256(os.fsencode(root)).hexdigest()[:24]
        self._place = (folder or cache_folder()) / f"{name}.msgpack"
        self._kept = self._load()
        if any(digest_of(path) != known for path, known in self._kept.neighbours.items()):
            self._kept = _File(_version())
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
            return  # a name that is no text; it is judged again each time
        if len(data) > MOST_BYTES:
            return
        with contextlib.suppress(OSError):
            self._place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            put_in_place(self._place, data)

    def _load(self) -> _File:
        try:
            data = b""
            if self._place.stat().st_size <= MOST_BYTES:
                data = self._place.read_bytes()
            found = msgspec.msgpack.decode(data, type=_File)
        except (OSError, msgspec.DecodeError, RecursionError):
            return _File(_version())
        if found.version == _version():
            return found
        return _File(_version())


def cache_folder() -> Path:
    """Return the folder where verdicts are kept."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("optimus-tui")) / "patterns"


@cache
def _version() -> str:
    """The rules, the grammar of this Python, and the files that judge."""
    from optimus_tui import patterns

    folder = Path(patterns.__file__).parent
    files = sorted((*folder.glob("*.py"), *folder.glob("rules/*.py")))
    marks = [f"{one.name}:{one.stat().st_mtime_ns}:{one.stat().st_size}" for one in files]
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


def examine(
    root: Path, paths: Iterable[str], *, named: bool = False, seconds: float | None = None,
    use_cache: bool = True, cache_folder: Path | None = None,
) -> JudgedFiles:  # fmt: skip
    """Judge files of the tree at ``root``.

    ``named``: somebody asked for these very files, so one without routes is a finding and not a helper to be skipped.
    ``seconds`` bounds the time; what was not reached by then is skipped, with that reason. One thread at a time.
    """
    with _ALONE:
        return _examine(root, paths, named, seconds, use_cache, cache_folder)


def _examine(
    root: Path, paths: Iterable[str], named: bool, seconds: float | None, use_cache: bool, cache_folder: Path | None
) -> JudgedFiles:
    tree = SourceTree(root)
    digests: dict[str, bytes] = {}

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
        kept = VerdictCache(tree.root, digest_of, cache_folder)
    project = Project(tree.load)
    judged: list[Judged] = []
    skipped: list[tuple[Path, str, str]] = []
    everything = list(paths)
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
                _one(path, tree, project, kept, judged, skipped, named)
                report(done + 1, len(everything), "files judged")
    finally:
        project.close()
        if collects:
            gc.enable()
    if kept is not None:
        kept.save((path, digest_of(path)) for path in project.requested)
    return JudgedFiles(tuple(judged), tuple(skipped))


def _one(
    path: str, tree: SourceTree, project: Project, kept: VerdictCache | None, judged: list[Judged],
    skipped: list[tuple[Path, str, str]], named: bool,
) -> None:  # fmt: skip
    data = tree.read(path)
    if isinstance(data, Skipped):
        skipped.append((tree.root, path, data.reason))
        return
    digest = _digest(data)
    verdict = None
    if kept is not None:
        verdict = kept.get(path, digest)
    if verdict is None:
        verdict = inspect(path, data, project)
        if kept is not None:
            kept.put(path, digest, verdict)
    package = path.endswith("__init__.py") and verdict.problem in (EMPTY, ROUTELESS)
    if not named and (package or (verdict.problem == ROUTELESS and verdict.helper)):
        unfollowed = verdict.issues[0].message == UNFOLLOWED
        reason = "add_api_route is called in a way that cannot be followed: it was not judged"
        skipped.append(
            (tree.root, path, reason if unfollowed else "it declares no route: nothing in it answers a request")
        )
    else:
        judged.append(Judged(tree.root, path, verdict))


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def judged(tree: Path, path: str) -> tuple[bool, str]:
    """Return whether a router needs no work at the highest level, and one sentence."""
    from optimus_tui.patterns.score import score, word

    outcome = examine(tree, [path], named=True, use_cache=False)
    if not outcome.judged:
        return False, f"it could not be judged: {outcome.skipped[0][2]}"
    verdict = outcome.judged[0].verdict
    compliance = score(verdict, "production_ready").compliance
    first = ""
    if verdict.issues:
        first = f"; line {verdict.issues[0].line}: {verdict.issues[0].message}"
    return word(compliance) in ("excellent", "good"), f"{word(compliance)} ({compliance:.2f}) for production{first}"
