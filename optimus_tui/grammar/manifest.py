"""What a project's ``pyproject.toml`` and ``requirements.txt`` say of its import roots, packages and Python. Pure."""

import posixpath
import re
import tomllib
from collections.abc import Callable, Iterator
from typing import Any

_MOST_BYTES = 400_000
_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][\w.-]*)")
_VERSION = re.compile(r"(?:>=|~=|==|\^|>)?\s*3\.(\d+)")


class Manifest:
    """The contents of one project folder's files: its import roots, its dependencies and its Python."""

    def __init__(self, place: str, load: Callable[[str], bytes | None]) -> None:
        table = _parsed(load(slashed(place) + "pyproject.toml"))
        self.place, self.tool = place, _at(table, "tool")
        self.project = _at(table, "project")
        joined = (posixpath.normpath(posixpath.join(place, one)) for one in self._written())
        self.roots = [slashed("" if one == "." else one) for one in joined if not one.startswith(("..", "/"))]
        listed = (load(slashed(place) + "requirements.txt") or b"")[:_MOST_BYTES].decode("utf-8", "replace")
        self.installed = frozenset(map(_import_name, (*listed.splitlines(), *self._dependencies()))) - {""}
        self.python = _lowest(
            _at(self.project, "requires-python") or _at(self.tool, "poetry", "dependencies", "python")
        )

    def _written(self) -> Iterator[str]:
        """Yield the source folders that build and test tools name, relative to the project's folder."""
        tool = self.tool
        yield from _texts(_at(tool, "pytest", "ini_options", "pythonpath"))
        find = _at(tool, "setuptools", "packages", "find")
        yield from _texts(_at(find, "where"))
        folders = _at(tool, "setuptools", "package-dir")
        for package, folder in folders.items() if isinstance(folders, dict) else ():
            if isinstance(folder, str):
                yield posixpath.dirname(folder) if package else folder
        yield from _of_hatch(_at(tool, "hatch", "build"))
        yield from _of_poetry(_at(tool, "poetry", "packages"))
        for keys in (("uv", "build-backend", "module-root"), ("pdm", "build", "package-dir"), ("mypy", "mypy_path"),
                     ("pyright", "extraPaths"), ("ruff", "src"), ("isort", "src_paths")):  # fmt: skip
            yield from _texts(_at(tool, *keys))

    def _dependencies(self) -> Iterator[str]:
        yield from _texts(_at(self.project, "dependencies"))
        for groups in (_at(self.project, "optional-dependencies"), _at(self.tool, "poetry", "group")):
            for group in groups.values() if isinstance(groups, dict) else ():
                yield from _texts(group)
                yield from _keys(_at(group, "dependencies"))
        yield from _keys(_at(self.tool, "poetry", "dependencies"))


def _parsed(data: bytes | None) -> object:
    if data is None or len(data) > _MOST_BYTES:
        return None
    try:
        return tomllib.loads(data.decode("utf-8-sig", "replace"))
    except (tomllib.TOMLDecodeError, RecursionError):
        return None


def _of_hatch(build: object) -> Iterator[str]:
    targets = _at(build, "targets")
    found: list[object] = [build]
    if isinstance(targets, dict):
        found += targets.values()
    for target in found:
        for package in _texts(_at(target, "packages")):
            yield posixpath.dirname(package.rstrip("/"))
        sources = _at(target, "sources")
        yield from _texts(sources)
        yield from _keys(sources)
        yield from _texts(_at(target, "dev-mode-dirs"))


def _of_poetry(packages: object) -> Iterator[str]:
    for one in packages if isinstance(packages, list) else ():
        folder = _at(one, "from")
        include = _at(one, "include")
        if isinstance(folder, str):
            yield folder
        elif isinstance(include, str):
            yield posixpath.dirname(include.rstrip("/"))


def _lowest(required: object) -> int | None:
    """Return the lowest minor version in ``>=3.12,<4`` or ``^3.12``; None where there is none."""
    if not isinstance(required, str):
        return None
    found = (_VERSION.match(one.strip()) for one in required.split(","))
    return min((int(one[1]) for one in found if one is not None), default=None)


def _import_name(requirement: str) -> str:
    """Return the name that a requirement is most likely imported by: ``fastapi-users[redis]>=13`` is fastapi_users."""
    found = _REQUIREMENT.match(requirement)
    if found:
        return found[1].lower().replace("-", "_").replace(".", "_")
    return ""


def _at(table: object, *keys: str) -> Any:
    """Return the value below nested keys; None where one of them is missing or no table."""
    for key in keys:
        if not isinstance(table, dict):
            return None
        table = table.get(key)
    return table


def _texts(value: object) -> list[str]:
    """Return the texts of a text or a list of texts."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [one for one in value if isinstance(one, str)]
    return []


def _keys(value: object) -> list[str]:
    if isinstance(value, dict):
        return list(value)
    return []


def slashed(folder: str) -> str:
    """Return a folder's path with a slash at its end; the top folder, "", stays empty."""
    if folder:
        return f"{folder}/"
    return ""
