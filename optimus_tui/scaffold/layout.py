"""Find where a new router belongs in any FastAPI project: folder, tests, helpers, and the line that registers it.

The place follows from the project's other routers. If there are none, or they are in several places, ``LayoutError``
says what to name. The disk is only read.
"""

import ast
import os
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from optimus_tui.scaffold.database.found import with_database
from optimus_tui.scaffold.sources import Include, MadeRouter, SourceFile, Sources, asgi_of, folders_above, read_table
from optimus_tui.scaffold.target import GATEWAY, HELPERS, RouterTarget, join, module_of
from optimus_tui.settings.files import find_project_file
from optimus_tui.wording.numbers import and_others
from optimus_tui.wording.safe import safe_text, shell_word

ROUTER_FOLDERS = ("routers", "routes", "endpoints", "api/routes", "api/endpoints", "api/routers", "api")
_GENERIC = frozenset({"router", "routers", "routes", "route", "views", "endpoints", "endpoint", "api", "controller"})
_PLAIN_FOLDERS = frozenset({*_GENERIC, "app", "src", "backend", "server", "core"})
_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)
_INTO = re.compile(r"([A-Za-z0-9_.\-]+/)*[A-Za-z0-9_.\-]+\.py(:[A-Za-z_][\w.]*)?", re.ASCII)
_SHOWN, _CHOICES = 4, 20
_MARKS = ("pyproject.toml", "setup.py", "requirements.txt", "optimus.toml", ".git")
_CLEAR = 3
"""Of several applications, one is taken without asking if it registers so many routers, and twice as many as others."""


class LayoutError(ValueError):
    """No place for a router was found. Its text is one sentence: what is needed, and the command that makes it.

    Attributes:
        argument: What has to be named: ``package``, ``into``, or ``project`` if no name helps.
        choices: What can be named.
    """

    def __init__(self, message: str, argument: str = "project", choices: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.argument, self.choices = argument, choices


class _Place(NamedTuple):
    """A place where routers are registered: a file, a variable there, and how many modules with routes it has."""

    path: str
    receiver: str
    modules: tuple[str, ...]
    is_app: bool


def is_gateway(root: Path) -> bool:
    """Return True for a project of the reference gateway's layout."""
    return (root / GATEWAY.folder).is_dir()


def find_target(root: Path, package: str = "", into: str = "") -> RouterTarget:
    """Return where a new router of this project belongs.

    Args:
        root: The project.
        package: The package of the routers, such as ``app.api.routes``; empty to find it.
        into: The file that registers them, such as ``app/main.py`` or ``app/api.py:api_router``; empty to find it.
            With neither, the places in ``optimus.toml`` are used.

    Raises:
        LayoutError: There is no such place, or more than one.
    """
    if not _is_folder(root):
        raise LayoutError(f"{safe_text(str(root), 160)} is not a directory that can be opened")
    if not package and not into:
        package, into = remembered(root)
    if package and not _DOTTED.fullmatch(package):
        raise LayoutError(f"{safe_text(package, 80)!r} is not a package: write it as in app.api.routes", "package")
    if into and not _INTO.fullmatch(into):
        raise LayoutError(
            f"{safe_text(into, 120)!r} is not a file of the project: "
            "write it as in app/main.py or app/api.py:api_router",
            "into",
        )
    if is_gateway(root) and not package and not into:
        return GATEWAY
    return _Finder(root).target(package, into)


def remembered(root: Path) -> tuple[str, str]:
    """Return the package and the file that the project's ``optimus.toml`` names for its routers; "" if none."""
    place = find_project_file(root)
    table = read_table(place).get("generator") if place is not None else None
    known = table if isinstance(table, dict) else {}
    package, into = known.get("package", ""), known.get("into", "")
    return (package if isinstance(package, str) else ""), (into if isinstance(into, str) else "")


def project_of(folder: Path) -> Path | None:
    """Return the project of a folder: the nearest folder, itself or above, that is marked as one; None if none is."""
    marked = (one for one in (folder, *folder.parents) if any((one / mark).exists() for mark in _MARKS))
    return next(marked, None)


def _is_folder(root: Path) -> bool:
    try:
        return root.is_dir()
    except (OSError, ValueError, RuntimeError):
        return False


class _Finder:
    """One look at one project."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.sources = Sources(root)
        self.roots: dict[str, str] = {}

    def import_root(self, path: str) -> str:
        """Return the folder on ``sys.path`` for a file."""
        if path not in self.roots:
            self.roots[path] = self.sources.import_root(path)
        return self.roots[path]

    def target(self, package: str, into: str) -> RouterTarget:
        """Return the place, as ``find_target`` does."""
        apps = [one for file in self.sources.parsed.values() for one in file.made if one.kind == "FastAPI"]
        if not apps:
            raise LayoutError(self._no_application())
        place = self._named(into) if into else self._found(apps)
        root = self.import_root(place.path)
        app = self._app_of(place, apps, root)
        target = RouterTarget(
            import_root=root,
            into=place.path,
            receiver=place.receiver,
            relative=self._is_relative(place),
            prefix="",
            url_prefix=self._url_prefix(place),
            asgi=asgi_of(app, root),
            factory=bool(app.function),
            helpers=self._helpers(app, root),
            manager=self._manager(place.path),
        )
        target = self._with_folder(target, place, package)
        return with_database(self.sources, self._with_tests(target))

    def _no_application(self) -> str:
        shown = safe_text(str(self.root), 160)
        if self.sources.unreadable:
            first = safe_text(self.sources.unreadable[0], 120)
            return f"{shown} has no FastAPI application that can be read: {first} is not Python that this version reads"
        return (
            f"{shown} has no FastAPI application: a router needs a module with app = FastAPI(); "
            "optimus-tui init NAME makes a project that has one"
        )

    # -- the place of registration

    def _named(self, into: str) -> _Place:
        path, _, receiver = into.partition(":")
        path = path.removeprefix("./")
        file = self.sources.parsed.get(path)
        if file is None:
            fault = "registers no router and makes no application"
            if ".." in path.split("/") or not os.path.isfile(self.root / path):
                fault = "is no file of the project"
            elif path not in self.sources.paths:
                fault = "is left out, as tests, examples, scripts and links are"
            names = tuple(one for one in self.sources.parsed if self._receivers(one))[:_CHOICES]
            example = f"; such a file is {safe_text(names[0], 120)}" if names else ""
            raise LayoutError(f"{safe_text(path, 120)} {fault}{example}", "into", names)
        found = self._receivers(path)
        chosen = [one for one in found if one.receiver == receiver] if receiver else found
        if not chosen:
            choices = tuple(f"{path}:{one.receiver}" for one in found)
            raise LayoutError(f"{safe_text(into, 120)} makes no application or router of this name", "into", choices)
        return max(chosen, key=lambda one: (len(one.modules), one.is_app))

    def _receivers(self, path: str) -> list[_Place]:
        """Return what routers can be registered on in a file: its applications and routers, and what it includes on."""
        file = self.sources.parsed[path]
        names = dict.fromkeys([*(one.name for one in file.made), *(one.receiver for one in file.includes)])
        return [self._place(file, name) for name in names]

    def _place(self, file: SourceFile, receiver: str) -> _Place:
        root = self.import_root(file.path)
        modules: list[str] = []
        for include in file.includes:
            found = self.sources.file_of(file, include.argument, root) if include.receiver == receiver else None
            if found is not None and found[0] != file.path and self._has_routes(found[0]):
                modules.append(found[0])
        kinds = {one.kind for one in file.made if one.name == receiver}
        return _Place(file.path, receiver, tuple(dict.fromkeys(modules)), "APIRouter" not in kinds)

    def _has_routes(self, path: str) -> bool:
        source = self.sources.parsed.get(path)
        return source is not None and source.has_routes

    def _found(self, apps: list[MadeRouter]) -> _Place:
        """Return where most routers are registered; LayoutError where several places are equally likely."""
        places = [place for path in self.sources.parsed for place in self._receivers(path) if place.modules]
        places.sort(key=lambda one: (-len(one.modules), one.is_app, one.path))
        parts = {self._part(one.path) for one in apps}
        files = {one.path for one in apps}
        if places and self._is_clear(places, len(parts) == 1):
            return places[0]
        if places or len(files) > 1:
            raise self._ask(
                [*(f"{one.path}:{one.receiver}" for one in places), *(f"{one.path}:{one.name}" for one in apps)]
            )
        return self._place(self.sources.parsed[apps[0].path], apps[0].name)

    def _is_clear(self, places: list[_Place], only: bool) -> bool:
        """Return True if the first place needs no question: it is the only application's, or has by far the most."""
        first = places[0]
        rivals = [len(one.modules) for one in places if self._part(one.path) != self._part(first.path)]
        clear = only or len(first.modules) >= max([_CLEAR, *(2 * count for count in rivals)])
        return clear and self._leads_to(first)

    def _part(self, path: str) -> str:
        """Return what separates the applications of one repository: the package at the top of the import root."""
        root = self.import_root(path)
        return join(root, module_of(path, root).partition(".")[0])

    def _leads_to(self, place: _Place) -> bool:
        """Return True if what is registered there is part of an application, as far as that can be followed."""
        (path, receiver), _ = self._way_up(place)[-1]
        made = [one.kind for one in self.sources.parsed[path].made if one.name == receiver]
        return "APIRouter" not in made

    def _ask(self, places: list[str]) -> LayoutError:
        known = tuple(dict.fromkeys(places))
        listed = ", ".join(safe_text(path, 80) for path in known[:_SHOWN])
        more = and_others(known, _SHOWN)
        return LayoutError(
            f"{len(known)} places here may register a router: name one with --into; {listed}{more}",
            "into",
            known[:_CHOICES],
        )

    def _app_of(self, place: _Place, apps: list[MadeRouter], root: str) -> MadeRouter:
        """Return the application that a place belongs to: its own, else one of the same ``sys.path``."""
        own = [one for one in apps if one.path == place.path]
        same = [one for one in apps if self.import_root(one.path) == root]
        return (own or same or apps)[0]

    def _is_relative(self, place: _Place) -> bool:
        file = self.sources.parsed[place.path]
        used = [_root_name(one.argument) for one in file.includes if one.receiver == place.receiver]
        modules = [file.imports[name][0] for name in used if name in file.imports]
        return bool(modules) and all(module.startswith(".") for module in modules)

    def _url_prefix(self, place: _Place) -> str:
        """Return what the application puts before the router's path, as far as the code says it."""
        words = ""
        for (path, name), include in self._way_up(place):
            source = self.sources.parsed[path]
            prefixes = [one.prefix for one in source.made if one.name == name][:1]
            words = "".join(self._text_of(one, source) for one in prefixes) + words
            if include is not None:
                words = self._text_of(include.prefix, self.sources.parsed[include.path]) + words
        return words

    def _way_up(self, place: _Place) -> list[tuple[tuple[str, str], Include | None]]:
        """Return the place, what it is included on, and so on up to an application: (file, variable), and how."""
        root, here = self.import_root(place.path), (place.path, place.receiver)
        steps: list[tuple[tuple[str, str], Include | None]] = []
        while here not in [step for step, _ in steps]:
            include = next((one for one in self._includes() if self._is_of(one, here, root)), None)
            steps.append((here, include))
            if include is None:
                break
            here = (include.path, include.receiver)
        return steps

    def _includes(self) -> list[Include]:
        return [one for file in self.sources.parsed.values() for one in file.includes]

    def _is_of(self, include: Include, wanted: tuple[str, str], root: str) -> bool:
        return self.sources.file_of(self.sources.parsed[include.path], include.argument, root) == wanted

    def _text_of(self, expression: ast.expr | None, source: SourceFile) -> str:
        """Return a prefix as text; a name that no file gives one text is put in braces."""
        if expression is None:
            return ""
        if isinstance(expression, ast.Constant):
            if isinstance(expression.value, str):
                return expression.value
            return ""
        if isinstance(expression, ast.JoinedStr):
            parts = (one.value if isinstance(one, ast.FormattedValue) else one for one in expression.values)
            return "".join(self._text_of(part, source) for part in parts)
        words = ast.unparse(expression)
        name = words.rpartition(".")[2]
        values = self._constants(name) if name.isidentifier() else set()
        if len(values) == 1:
            return values.pop()
        return f"{{{safe_text(words, 60)}}}"

    def _constants(self, name: str) -> set[str]:
        pattern = re.compile(rf"^\s*{re.escape(name)}\s*(?::\s*[\w.\[\] ]+)?=\s*([\"'])([^\"'\n]*)\1", re.MULTILINE)
        found: set[str] = set()
        for path in self.sources.paths:
            data = self.sources.read(path) or b""
            if name.encode() in data:
                found.update(match[2] for match in pattern.finditer(data.decode("utf-8", "replace")))
        return found

    # -- folders

    def _helpers(self, app: MadeRouter, root: str) -> str:
        """Return the package of the helpers: the one that is there, else one inside the application's own package."""
        known = [path for path in self.sources.paths if path.endswith(f"/{HELPERS}/dependencies.py")]
        below = [path for path in known if path.startswith(f"{root}/") or not root]
        if below:
            return module_of(min(below).rpartition("/")[0], root)
        if join(root, "backend/dependencies_enterprise.py") in self.sources.paths:
            return "backend"
        if f"{HELPERS}/dependencies.py" in self.sources.paths and not root:
            return HELPERS
        top, dot, _ = module_of(app.path, root).partition(".")
        if dot:
            return f"{top}.{HELPERS}"
        return HELPERS

    def _with_folder(self, target: RouterTarget, place: _Place, package: str) -> RouterTarget:
        if package:
            return self._with_package(target, package)
        found = _pattern_of(place)
        if found is not None:
            folder, file = found
            package_folder = join(folder, file).rpartition("/")[0]
            is_package = any(self.sources.is_package(path.rpartition("/")[0]) for path in place.modules)
            new = (package_folder,) if "/" in file and is_package else ()
            return replace(target, folder=folder, file=file, new_packages=new)
        beside = place.path.rpartition("/")[0]
        for name in ROUTER_FOLDERS:
            if any(path.startswith(f"{join(beside, name)}/") for path in self.sources.paths):
                return replace(target, folder=join(beside, name))
        name = "routers" if join(beside, "routers.py") not in self.sources.paths else "new_routers"
        return replace(target, folder=join(beside, name), new_packages=(join(beside, name),))

    def _with_package(self, target: RouterTarget, package: str) -> RouterTarget:
        folder = join(target.import_root, package.replace(".", "/"))
        top = join(target.import_root, package.partition(".")[0])
        if not self.sources.holds(top):
            where = target.import_root or "the project"
            raise LayoutError(f"there is no package {safe_text(package.partition('.')[0], 60)} in {where}", "package")
        missing: list[str] = []
        while folder != top and not self.sources.holds(folder):
            missing.append(folder)
            folder = folder.rpartition("/")[0]
        made = join(target.import_root, package.replace(".", "/"))
        if f"{made}.py" in self.sources.paths:
            raise LayoutError(f"{safe_text(package, 80)} is a module, and a router needs a package", "package")
        return replace(target, folder=made, new_packages=tuple(reversed(missing)))

    def _with_tests(self, target: RouterTarget) -> RouterTarget:
        """Return the folder of tests: the one that mirrors the routers', else the nearest one of the project."""
        top = join(target.import_root, target.asgi.partition(":")[0].partition(".")[0])
        above = target.import_root
        bases = [join(above, "tests"), *([join(top, "tests")] if self.sources.holds(top) else [])]
        while above:
            above = above.rpartition("/")[0]
            bases.append(join(above, "tests"))
        there = [base for base in bases if any(path.startswith(f"{base}/") for path in self.sources.tests)]
        base = (there or [join("" if target.import_root == "src" else target.import_root, "tests")])[0]
        inner = target.folder.removeprefix(f"{top}/")
        mirrors = [join(base, inner), join(base, target.folder), base]
        tests = next((one for one in mirrors if any(path.startswith(f"{one}/") for path in self.sources.tests)), base)
        everything = self.sources.paths | self.sources.tests
        conftest = any(join(folder, "conftest.py") in everything for folder in folders_above(join(tests, "test.py")))
        return replace(target, tests=tests, conftest=conftest)

    def _manager(self, path: str) -> str:
        """Return the command that adds packages: in the project of the application, with the tool found above it."""
        folders = folders_above(path)
        own = next((folder for folder in folders if (self.root / folder / "pyproject.toml").is_file()), "")
        for folder in folders:
            tool = self.sources.manifest(folder).tool
            for name in ("uv", "poetry", "pdm"):
                if (self.root / folder / f"{name}.lock").is_file() or (isinstance(tool, dict) and name in tool):
                    return _inside(own, f"{name} add")
        return _inside(own, "pip install")


def _inside(folder: str, command: str) -> str:
    if folder:
        return f"cd {shell_word(folder)} && {command}"
    return command


def _root_name(expression: ast.expr) -> str:
    while isinstance(expression, ast.Attribute):
        expression = expression.value
    if isinstance(expression, ast.Name):
        return expression.id
    return ""


def _pattern_of(place: _Place) -> tuple[str, str] | None:
    """Return the folder and the file of a new router, as the others are kept; None if there are no others.

    ``{name}.py`` in the folder that holds most of them, or ``{name}/router.py`` where each has a folder of its own.
    """
    plain, own = Counter[str](), Counter[tuple[str, str]]()
    for path in place.modules:
        folder, _, file = path.removesuffix("/__init__.py").rpartition("/")
        if not path.endswith("/__init__.py") and _has_folder_of_its_own(folder, file):
            own[folder.rpartition("/")[0], file] += 1
        else:
            plain[folder] += 1
    if own and own.total() >= plain.total():
        (folder, file), _ = own.most_common(1)[0]
        return folder, f"{{name}}/{file}"
    if plain:
        return _most(plain, key=lambda folder: folder.count("/")), "{name}.py"
    return None


def _has_folder_of_its_own(folder: str, file: str) -> bool:
    return file.removesuffix(".py") in _GENERIC and folder.rpartition("/")[2] not in (*_PLAIN_FOLDERS, "")


def _most(counted: Counter[str], key: Callable[[str], int]) -> str:
    return max(counted, key=lambda folder: (counted[folder], key(folder), folder))
