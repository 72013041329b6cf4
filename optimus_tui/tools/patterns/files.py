"""Judge files of one source tree: read them, look up kept verdicts, judge the rest. A bad file raises nothing."""

import gc
import hashlib
import threading
import time
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from optimus_tui.patterns.judge import EMPTY, ROUTELESS, UNFOLLOWED, Verdict, inspect
from optimus_tui.patterns.source.project import Project
from optimus_tui.probes.keys.sources import Skipped, SourceTree
from optimus_tui.tools.patterns.cache import VerdictCache
from optimus_tui.tools.progress import report

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
