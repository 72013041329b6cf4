"""Where a router goes: its folder, its test's, the helpers that it imports, and the file that registers it. Pure."""

from msgspec import Struct

HELPERS = "optimus_gateway"
"""The package that is added to a project which has no limiter, cache and coherence module of the gateway's kind."""


class RouterTarget(Struct, frozen=True, kw_only=True):
    """One place for routers in one project. Paths are relative to the project, with slashes; "" is the project itself.

    The defaults are the reference gateway's.

    Attributes:
        import_root: The folder that is on ``sys.path``.
        folder: The folder of the routers.
        file: The router's file in it; ``{name}`` stands for the router.
        new_packages: Folders that need an ``__init__.py`` before they can be imported.
        tests: The folder of the router's test.
        conftest: Whether a ``conftest.py`` of the project applies to that folder.
        into: The file that registers the router.
        receiver: The variable there whose ``include_router`` is called; empty for the only one that there is.
        relative: Whether that file imports its routers relatively.
        prefix: The beginning of the router's own path, before ``/name``.
        url_prefix: The prefix that the application puts before that. A name in braces stands for a value that is not
            written in the code.
        asgi: The application as uvicorn takes it.
        factory: Whether that is a function that makes the application.
        helpers: The package that the router imports its helpers from.
        manager: The command that adds packages to this project: ``uv add``, ``poetry add`` or ``pip install``.
        session: The project's dependency that yields an ``AsyncSession``, as ``module:name``; empty for none.
        base: The declarative base of its tables, likewise.
        alembic: Whether it has migrations.
    """

    import_root: str = "src"
    folder: str = "src/backend/routers"
    file: str = "{name}.py"
    new_packages: tuple[str, ...] = ()
    tests: str = "tests"
    conftest: bool = False
    into: str = "src/backend/app.py"
    receiver: str = ""
    relative: bool = False
    prefix: str = "/api"
    url_prefix: str = ""
    asgi: str = "backend.app:app"
    factory: bool = False
    helpers: str = "backend"
    manager: str = "pip install"
    session: str = ""
    base: str = ""
    alembic: bool = False

    @property
    def is_gateway(self) -> bool:
        """Whether the project is laid out as the reference gateway, whose modules the router uses as they are."""
        return self.helpers == "backend"

    @property
    def helper_folder(self) -> str:
        """The folder of the helpers."""
        return join(self.import_root, self.helpers.replace(".", "/"))

    def router_path(self, name: str) -> str:
        """Return the router's file."""
        return join(self.folder, self.file.replace("{name}", name))

    def test_path(self, name: str) -> str:
        """Return the file of the router's test."""
        return join(self.tests, f"test_{name}.py")

    def module(self, name: str) -> str:
        """Return the router's module, as it is imported."""
        return module_of(self.router_path(name), self.import_root)

    def import_of(self, name: str) -> str:
        """Return the router's module as the registering file imports it: relative if its other imports are."""
        module = self.module(name)
        if not self.relative:
            return module
        here, there = module_of(self.into, self.import_root).split("."), module.split(".")
        if not self.into.endswith("/__init__.py"):
            here = here[:-1]
        shared = 0
        while shared < min(len(here), len(there) - 1) and here[shared] == there[shared]:
            shared += 1
        if not shared:
            return module
        return "." * (len(here) - shared + 1) + ".".join(there[shared:])


def join(folder: str, path: str) -> str:
    """Return the path in a folder; "" is the project itself."""
    return f"{folder}/{path}".strip("/")


def module_of(path: str, import_root: str) -> str:
    """Return the dotted name of a file below a folder that is on ``sys.path``."""
    inner = path.removeprefix(f"{import_root}/") if import_root else path
    return inner.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


GATEWAY = RouterTarget()
"""The reference gateway, and any project of its layout."""
