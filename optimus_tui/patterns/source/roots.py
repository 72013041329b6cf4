"""Where absolute imports start, as Python would search them: by the project's configuration, else by its packages."""

from collections.abc import Callable, Iterator

from optimus_tui.grammar.manifest import Manifest, slashed

MARKS = (
    "pyproject.toml", "setup.cfg", "setup.py", "pytest.ini", "requirements.txt", "Dockerfile", "Pipfile", "alembic.ini",
)  # fmt: skip
"""Files that stand where a project is started from."""
_STARTED = frozenset({"main.py", "app.py", "asgi.py", "run.py", "manage.py", "__main__.py"})
"""Files that Python is started with, and so beside which the modules lie that they import by their bare names."""
_SOURCE_FOLDER = "src"


class SearchPath:
    """Where the imports of one place are searched; "" is the tree, other folders end in a slash.

    ``started``: folders that Python is started from, the best first. ``others``: further folders around the place, for
    packages that the project does not install (``installed``).
    """

    __slots__ = ("installed", "others", "started")

    def __init__(self, started: tuple[str, ...], others: tuple[str, ...], installed: frozenset[str]) -> None:
        self.started, self.others, self.installed = started, others, installed

    def folders_for(self, package: str) -> tuple[str, ...]:
        """Return the folders in which a top-level name may lie."""
        if package in self.installed:
            return self.started
        return self.started + self.others


class Roots:
    """The import roots of a tree. ``load(path)`` returns a file's bytes or None; ``paths`` are all known files."""

    def __init__(self, load: Callable[[str], bytes | None], paths: frozenset[str]) -> None:
        self._load = load
        self._paths = paths
        folders = {path.rpartition("/")[0] for path in paths if path.endswith(".py")}
        self._packages = {path.rpartition("/")[0] for path in paths if path.endswith("/__init__.py")}
        self._marked = {path.rpartition("/")[0] for path in paths if path.rpartition("/")[2] in MARKS}
        self._starts = {path.rpartition("/")[0] for path in paths if path.rpartition("/")[2] in _STARTED}
        self._folders = {place for folder in folders for place in _above(folder)}
        self._manifests: dict[str, Manifest] = {}
        self._found: dict[str, SearchPath] = {}
        self._shared: dict[tuple[tuple[str, ...], tuple[str, ...]], SearchPath] = {}
        self._members: tuple[str, ...] | None = None

    def of(self, path: str) -> SearchPath:
        """Return where the absolute imports of a file are searched; files with the same folders share one object."""
        folder = path.rpartition("/")[0]
        known = self._found.get(folder)
        if known is None:
            near = [place for place in _above(folder) if place in self._marked]
            own = (*self._own(folder), *(root for one in near for root in self._of(one)), *self._all())
            started = tuple(dict.fromkeys(own))
            loose = [place for place in _above(folder) if place not in self._packages]
            started_in = [place for place in _above(folder) if place in self._packages and place in self._starts]
            others = tuple(one for one in map(slashed, (*loose, *started_in)) if one not in started)
            installed = frozenset(name for one in near for name in self._manifest(one).installed)
            shared = self._shared.setdefault((started, others), SearchPath(started, others, installed))
            known = self._found[folder] = shared
        return known

    def holds(self, name: str, alone: bool) -> bool:
        """Return whether there is such a module or a folder with Python files; ``alone``: only a real package."""
        if alone:
            return name in self._packages
        return name in self._folders or f"{name}.py" in self._paths

    def python_of(self, path: str) -> int | None:
        """Return the lowest minor version of Python 3 that the file's project allows; None if it names none."""
        for place in _above(path.rpartition("/")[0]):
            if place in self._marked and (lowest := self._manifest(place).python) is not None:
                return lowest
        return None

    def _own(self, folder: str) -> Iterator[str]:
        """Yield the folder that holds the top package of a file: with one, Python must have started there."""
        if folder in self._packages:
            while folder in self._packages:
                folder = folder.rpartition("/")[0]
            yield slashed(folder)

    def _all(self) -> tuple[str, ...]:
        """Return the roots of all projects of the tree: members of one workspace import each other."""
        if self._members is None:
            roots = (root for place in sorted(self._marked) for root in self._of(place))
            self._members = tuple(dict.fromkeys(roots))
        return self._members

    def _of(self, place: str) -> Iterator[str]:
        """Yield the roots of the project in a folder: those that it names, its ``src``, and itself."""
        for root in self._manifest(place).roots:
            if root.removesuffix("/") in self._folders:
                yield root
        source = f"{slashed(place)}{_SOURCE_FOLDER}"
        if source in self._folders and source not in self._packages:
            yield f"{source}/"
        yield slashed(place)

    def _manifest(self, place: str) -> Manifest:
        known = self._manifests.get(place)
        if known is None:
            known = self._manifests[place] = Manifest(place, self._load)
        return known


def _above(folder: str) -> Iterator[str]:
    """Yield the folder and those above it, without slashes at the end; the last is ""."""
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]
    yield ""
