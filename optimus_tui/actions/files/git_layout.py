"""Find the parts of a git repository and its ignore patterns by reading regular files; no git process is started."""

import os
import re
import stat
from pathlib import Path

from msgspec import Struct

MAX_SMALL_FILE = 64 * 1024
"""Bytes. HEAD, a reference and a ``.git`` file hold one line."""
MAX_PACKED_REFS = 32 * 1024 * 1024
MAX_LINKS = 5
MAX_FILE = 256 * 1024
MAX_PATTERN = 500
MAX_DOUBLE_STARS = 3
_NEVER = "(?!)"


class RepositoryUnreadable(Exception):
    """A part of the repository is missing, damaged, or of a kind that is not supported."""


class Repository(Struct, frozen=True):
    """The places of one repository.

    Attributes:
        top: The work tree.
        own: This work tree's git directory.
        common: The git directory that holds the objects.
        submodule: Whether it is a submodule.
    """

    top: Path
    own: Path
    common: Path
    submodule: bool = False

    @property
    def linked(self) -> bool:
        """Whether this is a linked work tree of another repository."""
        return self.own != self.common


class OutsideWorkTree(Exception):
    """The directory is in a bare repository, or in a repository's own directory."""


def find_repository(root: Path) -> Repository | None:
    """Return the repository around ``root``, or None.

    Raises:
        OutsideWorkTree: ``root`` is in a bare repository or in a git directory.
        RepositoryUnreadable: A ``.git`` file leads nowhere.
    """
    for folder in (root, *root.parents):
        marker = folder / ".git"
        if folder.name == ".git" or (not os.path.lexists(marker) and _is_git_directory(folder)):
            raise OutsideWorkTree
        if marker.is_dir() and _is_git_directory(marker):
            return Repository(folder, marker, marker)
        if marker.is_file():
            return _behind_file(folder, marker)
    return None


def _behind_file(top: Path, marker: Path) -> Repository:
    line = read_file(marker, MAX_SMALL_FILE)
    if not line.startswith(b"gitdir: "):
        raise RepositoryUnreadable("the .git file names no directory")
    own = _joined(top, line.removeprefix(b"gitdir: "))
    if not (own / "HEAD").is_file():
        raise RepositoryUnreadable("the .git file names a directory that is not a repository")
    shared = own / "commondir"
    if shared.is_file():
        return Repository(top, own, _joined(own, read_file(shared, MAX_SMALL_FILE)))
    return Repository(top, own, own, submodule="modules" in own.parts)


def _joined(folder: Path, line: bytes) -> Path:
    try:
        return Path(os.path.normpath(folder / os.fsdecode(line.split(b"\n", 1)[0].rstrip(b"\r"))))
    except ValueError as error:
        raise RepositoryUnreadable("a path that no file can have") from error


def _is_git_directory(folder: Path) -> bool:
    return (folder / "HEAD").is_file() and (folder / "objects").is_dir() and (folder / "refs").is_dir()


def read_file(path: Path, limit: int) -> bytes:
    """Return the content of a regular file of at most ``limit`` bytes. A named pipe does not block it.

    Raises:
        RepositoryUnreadable: It cannot be read, is not a regular file, or is larger.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise RepositoryUnreadable(f"{path.name} cannot be read") from error
    with os.fdopen(handle, "rb") as file:
        seen = os.fstat(handle)
        if not stat.S_ISREG(seen.st_mode) or seen.st_size > limit:
            raise RepositoryUnreadable(f"{path.name} is not a regular file, or is too large")
        try:
            return file.read(limit)
        except OSError as error:
            raise RepositoryUnreadable(f"{path.name} cannot be read") from error


def read_head(repository: Repository) -> tuple[str | None, str | None]:
    """Return the name of the branch's reference, and the id of its commit in hex.

    Returns:
        The reference is None if HEAD is detached, the id None if there is no commit yet.
    """
    line = read_file(repository.own / "HEAD", MAX_SMALL_FILE).decode("utf-8", "surrogateescape").strip()
    if not line.startswith("ref: "):
        return None, _hex(line)
    branch = reference = line.removeprefix("ref: ").strip()
    for _ in range(MAX_LINKS):
        value = _reference(repository, reference)
        if value is None or not value.startswith("ref: "):
            return branch, _hex(value) if value else None
        reference = value.removeprefix("ref: ").strip()
    raise RepositoryUnreadable("references point at each other in a circle")


def _reference(repository: Repository, name: str) -> str | None:
    if not name.startswith("refs/") or ".." in name or "\0" in name or name == "refs/heads/.invalid":
        raise RepositoryUnreadable("a reference that is not understood")
    for place in (repository.own, repository.common):
        if (place / name).is_file():
            return read_file(place / name, MAX_SMALL_FILE).decode("utf-8", "surrogateescape").strip()
    packed = repository.common / "packed-refs"
    if packed.is_file():
        wanted = os.fsencode(name)
        for line in read_file(packed, MAX_PACKED_REFS).splitlines():
            value, _, found = line.partition(b" ")
            if found == wanted:
                return value.decode("ascii", "replace")
    return None


def _hex(text: str) -> str:
    if len(text) not in (40, 64) or set(text) - set("0123456789abcdef"):
        raise RepositoryUnreadable("a commit id is not valid")
    return text


class Pattern:
    """One pattern of an ignore file.

    ``base`` is the directory of that file, relative to the top of the work tree, with a slash at its end; or empty.
    """

    def __init__(self, line: str, base: str) -> None:
        self.negated = line.startswith("!")
        line = line.removeprefix("!") if self.negated else line.removeprefix("\\")
        self.folders_only = line.endswith("/")
        line = line.rstrip("/")
        anchored = "/" in line
        self._base = base
        self._words = re.compile("(?:.*/)?" * (not anchored) + _translated(line.lstrip("/")), re.DOTALL)

    def matches(self, path: str, is_folder: bool) -> bool:
        """Return True if the pattern covers ``path``, which is relative to the top."""
        if (self.folders_only and not is_folder) or not path.startswith(self._base):
            return False
        return self._words.fullmatch(path[len(self._base) :]) is not None


def read_patterns(path: Path, base: str) -> list[Pattern]:
    """Return the patterns of one file; none if it cannot be read."""
    try:
        text = read_file(path, MAX_FILE).decode("utf-8", "surrogateescape")
    except RepositoryUnreadable:
        return []
    lines = [re.sub(r"(?<!\\)[ \t\r]+$", "", line) for line in text.split("\n")]
    return [Pattern(line, base) for line in lines if line and len(line) <= MAX_PATTERN and not line.startswith("#")]


def is_ignored(path: str, is_folder: bool, patterns: list[Pattern]) -> bool:
    """Return True if the path is ignored: if the last pattern that matches it does not begin with ``!``."""
    for pattern in reversed(patterns):
        if pattern.matches(path, is_folder):
            return not pattern.negated
    return False


def _translated(line: str) -> str:
    """Return the pattern as a regular expression.

    Hostile patterns cannot make it slow: each part backtracks into at most one star.
    """
    parts = line.split("/")
    if parts.count("**") > MAX_DOUBLE_STARS:
        return _NEVER
    out = ""
    for at, part in enumerate(parts):
        last = at == len(parts) - 1
        if part == "**":
            out += ".+" if last else "(?:.*/)?"
        else:
            out += _part(part) + "/" * (not last)
    try:
        re.compile(out)
    except re.error:
        return _NEVER
    return out


def _part(text: str) -> str:
    """Translate one name between slashes. What stands between two stars is matched at the first place where it fits."""
    pieces, at = [""], 0
    while at < len(text):
        if text[at] == "*":
            at += 1
            if pieces[-1] or len(pieces) == 1:
                pieces.append("")
        elif text[at] == "?":
            pieces[-1], at = pieces[-1] + "[^/]", at + 1
        elif text[at] == "[" and (end := text.find("]", at + 2)) > 0:
            inner = re.sub(r"([\[\]\\&|~])", r"\\\1", text[at + 1 : end])
            pieces[-1], at = pieces[-1] + "[" + ("^" + inner[1:] if inner[0] in "!^" else inner) + "]", end + 1
        else:
            at += text[at] == "\\" and at + 1 < len(text)
            pieces[-1], at = pieces[-1] + re.escape(text[at]), at + 1
    first, *rest = pieces
    if not rest:
        return first
    *middle, tail = rest
    return first + "".join(f"(?>[^/]*?{piece})" for piece in middle) + f"[^/]*{tail}"
