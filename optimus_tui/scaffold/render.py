"""Render a router and its tests from the answers, for the project that they are meant for."""

import ast
import errno
import hashlib
import json
import keyword
import re
import socket
from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from optimus_tui.assets import asset_dir
from optimus_tui.scaffold.database import table as tables
from optimus_tui.scaffold.field_values import body
from optimus_tui.scaffold.fields import Field, when
from optimus_tui.scaffold.helpers import INIT, helpers
from optimus_tui.scaffold.lay import lay_import
from optimus_tui.scaffold.lines import METHODS, context, needs_redis, trial_context
from optimus_tui.scaffold.options.parents import parent_warning
from optimus_tui.scaffold.registration import lines_to_add
from optimus_tui.scaffold.spec import RouterSpec
from optimus_tui.scaffold.target import RouterTarget, join
from optimus_tui.syntax import parse
from optimus_tui.wording.safe import shell_word

if TYPE_CHECKING:
    from jinja2.sandbox import ImmutableSandboxedEnvironment


class ShapeError(Exception):
    """A generated file is not Python, or not the expected code. This means a bug in Optimus TUI, or an attack."""


def check_shape(spec: RouterSpec, texts: tuple[str, ...], render: Callable[[RouterSpec], tuple[str, ...]]) -> None:
    """Compile the texts and compare their syntax trees with those of the same router with harmless answers.

    Args:
        spec: The answers.
        texts: The rendered files.
        render: Renders a spec.

    Raises:
        ShapeError: A text does not compile, or differs.
    """
    for text, path, twin in zip(texts, spec.paths, render(_twin(spec)), strict=True):
        try:
            tree = parse(text, path)
            compile(tree, path, "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise ShapeError(f"{path} is not valid Python: {error}") from None
        if list(_nodes(tree)) != list(_nodes(parse(twin))):
            raise ShapeError(f"{path} holds other code than its answers call for")


def _nodes(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        name = type(node).__name__
        if isinstance(node, ast.Constant):
            name = f"{name} {type(node.value).__name__}"
        yield name


def _twin(spec: RouterSpec) -> RouterSpec:
    fields = tuple(map(_harmless, range(len(spec.fields)), spec.fields))
    parents = tuple(f"folder{number}" for number in range(len(spec.parents)))
    by_name = dict(zip([field.name for field in spec.fields], fields, strict=True))
    filters = tuple(by_name[field.name] for field in spec.filters)
    return replace(spec, name="things", fields=fields, filters=filters, parents=parents)


def _harmless(number: int, field: Field) -> Field:
    """Return a field of the same shape without a text of a person's: also an alias stays one."""
    return replace(
        field,
        name=f"field{number}" if field.attribute == field.name else keyword.kwlist[3 + number % 30],
        default=_like(field.default),
        values=tuple(f"value {index}" for index in range(len(field.values))),
        fields=tuple(map(_harmless, range(len(field.fields)), field.fields)),
        description=_like(field.description) if field.description else "",
    )


def _like(value: Any) -> Any:
    """Return a harmless value of the same kind. A negative number has two nodes, so it stays negative."""
    if isinstance(value, str):
        return "x"
    if isinstance(value, list):
        return [_like(each) for each in value]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return type(value)(-1 if repr(value).startswith("-") else 1)
    return value


class DraftFile(Struct, frozen=True):
    """One file that is not written yet; ``path`` is relative to the gateway's root."""

    path: str
    content: str

    @property
    def sha256(self) -> str:
        """The hash of the content in UTF-8, in hex."""
        return hashlib.sha256(self.content.encode()).hexdigest()


class Draft(Struct, frozen=True):
    """A router and its test. ``beside``: further files that they need, written only if they do not exist yet."""

    spec: RouterSpec
    router: DraftFile
    test: DraftFile
    beside: tuple[DraftFile, ...] = ()

    @property
    def files(self) -> tuple[DraftFile, DraftFile]:
        """The router's file, then the test's."""
        return self.router, self.test


def render(spec: RouterSpec) -> Draft:
    """Return the draft; the same spec always gives the same bytes.

    Raises:
        ShapeError: The result is not the expected code.
    """
    router, test = _texts(spec)
    check_shape(spec, (router, test), _texts)
    moved, tests = _moved(spec, router), _moved(spec, test)
    files = DraftFile(spec.paths[0], moved), DraftFile(spec.paths[1], tests)
    return Draft(spec, *files, _beside(spec, [*_imported(router), *_imported(test)]))


def _texts(spec: RouterSpec) -> tuple[str, str]:
    known = {**context(spec), "table": tables.table_of(spec) if spec.has_table else None}
    return _fill("router.py.j2", known), _fill("tests.py.j2", {**known, **trial_context(spec)})


def _own_imports(text: str) -> list[ast.ImportFrom]:
    """Return the imports of the reference gateway's modules, for which the templates are written."""
    return [
        node
        for node in parse(text).body
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "backend"
    ]


def _imported(text: str) -> list[tuple[str, str]]:
    """Return the helpers that a text imports: module and name in the reference gateway."""
    nodes = [node for node in _own_imports(text) if not (node.module or "").startswith((_ROUTERS, *tables.FILES))]
    return [(node.module or "", one.name) for node in nodes for one in node.names]


_ROUTERS = "backend.routers."
_HERE = frozenset({"localhost", "127.0.0.1", "::1"})
_FIRST_PORT, _PORTS, _LAST_PORT = 8000, 100, 65_536


def _moved(spec: RouterSpec, text: str) -> str:
    """Return a text whose imports are those of the spec's target."""
    target, nodes = spec.target, _own_imports(text)
    modules: dict[str, set[str]] = {}
    for node in nodes:
        module = node.module or ""
        for one in node.names:
            known = tables.known_name(target, module)
            if known:
                place, name = known
                modules.setdefault(place, set()).add(name if name == one.name else f"{name} as {one.name}")
                continue
            if module.startswith(_ROUTERS):
                place = target.module(module.removeprefix(_ROUTERS))
            elif module in tables.FILES:
                place = f"{target.helpers}.{tables.FILES[module]}"
            elif target.is_gateway:
                place = module
            else:
                place = f"{target.helpers}.{helpers().file_of[module, one.name]}"
            modules.setdefault(place, set()).add(f"{one.name} as {one.asname}" if one.asname else one.name)
    if not nodes:
        return text
    lines = text.splitlines()
    first, last = nodes[0].lineno - 1, nodes[-1].end_lineno or nodes[-1].lineno
    lines[first:last] = [lay_import(module, modules[module]) for module in sorted(modules)]
    return "\n".join(lines) + "\n"


def _beside(spec: RouterSpec, names: list[tuple[str, str]]) -> tuple[DraftFile, ...]:
    """Return the packages and the helpers that the target needs besides the two files."""
    target = spec.target
    folders = [folder.replace("{name}", spec.name) for folder in target.new_packages]
    files = [DraftFile(join(folder, "__init__.py"), "") for folder in folders]
    package = target.helper_folder
    if spec.has_table:
        lacking = [one for one in tables.FILES if not tables.known_name(target, one)]
        files += [DraftFile(join(package, f"{tables.FILES[one]}.py"), tables.text_of(one)) for one in lacking]
    if not target.is_gateway:
        known = helpers()
        files.append(DraftFile(join(package, "__init__.py"), INIT))
        files += [DraftFile(join(package, known.files[one].name), known.files[one].text) for one in known.needed(names)]
    return tuple(files)


def _fill(name: str, values: dict[str, Any]) -> str:
    text = _environment().get_template(name).render(values)
    return re.sub(r"\n{4,}", "\n\n\n", text).strip() + "\n"


@cache
def _environment() -> "ImmutableSandboxedEnvironment":
    from jinja2 import FileSystemLoader, StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    return ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(asset_dir("templates") / "router"),
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def features(spec: RouterSpec) -> tuple[str, ...]:
    """Return one sentence for each feature that is switched on."""
    where = {
        "proxy": "Proxy: the AI Engine keeps everything, behind its circuit breaker and deadline",
        "direct": "Direct: a repository seam; its store in memory is a start, not for production",
        "hybrid": "Hybrid: the gateway's own store (in memory: not for production) and then the engine, or one of them",
    }
    sentences = [where[spec.type], "Multi-tenant: X-Tenant-ID is required, checked and part of every key"]
    if spec.has_table:
        sentences[0] = "Direct: a table by SQLAlchemy, one transaction a request; a conflict is 409"
    if spec.parents:
        sentences.append(f"Below {'/'.join(spec.parents)}: 404 for an unknown parent; its id is part of keys and paths")
        sentences += when(parent_warning(spec), f"Not done: {parent_warning(spec)}")
    if spec.rate_limiting:
        sentences.append("Rate limiting: per tenant and operation, 429 with Retry-After")
    if spec.caching and spec.reads:
        sentences.append("Caching: reads with a TTL, keys apart for each tenant")
    if spec.caching and spec.writes:
        sentences.append("Cache coherence: a write invalidates cached answers and publishes the event")
    codes = ", ".join(["404", "422", *when(spec.has_engine, "502"), "503", "504"])
    sentences.append(f"Error handling: {codes}; failures are logged without contents and counted for Prometheus")
    if spec.filters:
        sentences.append(
            f"Filter and sort of the list: {', '.join(field.name for field in spec.filters)}; 422 for others"
        )
    if "list" in spec.operations:
        sentences.append(
            "Pagination: limit and next_cursor, bounded; what both hold is listed once, and the store's wins"
            if spec.type == "hybrid"
            else "Pagination: limit and offset, bounded"
        )
    return (*sentences, "Tests: each operation, tenants, limits, cache, failures, as far as the router has them")


class Commands(NamedTuple):
    """The next steps with the files: shell commands, and for migrations a line of code.

    ``packages`` is "" if none are needed.
    """

    packages: str
    migration: tuple[tuple[str, str], ...]
    """What each is for, and the command or the line."""
    test: str
    start: str
    ask: str


def commands(spec: RouterSpec, gateway_url: str) -> Commands:
    """Return the commands to use after a router was written: started where nothing listens, and asked there."""
    _, test = spec.paths
    target, url = spec.target, _own_url(spec.target, gateway_url)
    port = _port(url)
    run, start = f"pytest {test} -v", f"uvicorn {target.asgi} --app-dir src --port {port}"
    needed: tuple[str, ...] = when(spec.has_table, *tables.PACKAGES)
    if not target.is_gateway:
        needed = packages(spec)
        path = f"PYTHONPATH={shell_word(target.import_root)} " if target.import_root else ""
        run = f"{path}python -m pytest {'--noconftest ' if target.conftest else ''}{shell_word(test)} -v"
        folder = f" --app-dir {shell_word(target.import_root)}" if target.import_root else ""
        start = f"uvicorn {target.asgi}{' --factory' if target.factory else ''}{folder} --port {port}"
    added = f"{target.manager} {' '.join(map(shell_word, needed))}" if needed else ""
    return Commands(added, tables.migration(spec), run, start, _request(spec, url))


def next_steps(spec: RouterSpec, gateway_url: str) -> tuple[str, ...]:
    """Return lines and commands in order; the last three run the tests, start the gateway and send a request."""
    router, test = spec.paths
    target, known = spec.target, commands(spec, gateway_url)
    imported, included = lines_to_add(spec.name, target)
    save = f"Save the files as {router} and {test}"
    if not target.is_gateway:
        save += f", with {target.helper_folder}/ beside them"
    return (
        f"{save}, or let optimus-tui scaffold new {spec.name} write and register them",
        *((imported, included) if target.is_gateway else (f"in {target.into}: {imported}", f"and there: {included}")),
        *when(known.packages, known.packages),
        *(f"{why}: {line}" for why, line in known.migration),
        known.test,
        known.start,
        known.ask,
    )


def packages(spec: RouterSpec) -> tuple[str, ...]:
    """Return the packages that the router, its helpers and its tests import besides FastAPI."""
    redis = needs_redis(spec)
    used = ["httpx", "prometheus-client", *when(redis, "redis"), *when(spec.has_table, *tables.PACKAGES)]
    return (*used, "pytest", "pytest-asyncio", *when(redis, "fakeredis[lua]"))


def _request(spec: RouterSpec, gateway_url: str) -> str:
    """Return a request that works at once: the list or a create first, because nothing exists yet."""
    operation = next(each for each in ("list", "create", "get", "update", "patch", "delete") if each in spec.operations)
    path = spec.target.url_prefix + re.sub(r"\{[a-z0-9_]+_id\}", "1", spec.path)
    url = f"{gateway_url}{path}{'/' if operation in ('list', 'create') else '/1'}"
    line = f"curl -X {METHODS[operation]} {shell_word(url)} -H 'X-Tenant-ID: demo_dentist'"
    if operation in ("create", "update", "patch"):
        sent = body(spec.fields[:1] if operation == "patch" else spec.fields)
        line += f" -H 'Content-Type: application/json' -d {shell_word(json.dumps(sent))}"
    return line


def _own_url(target: RouterTarget, gateway_url: str) -> str:
    """Return where the written project can be started beside the watched gateway, which may be running.

    A gateway takes the watched one's place where nothing listens there; one on another machine is left as it is.
    """
    watched, first = _port(gateway_url), _FIRST_PORT
    if target.is_gateway:
        if _host(gateway_url) not in _HERE or _is_free(watched):
            return gateway_url
        first = watched + 1
    ports = (one for one in range(first, min(first + _PORTS, _LAST_PORT)) if one != watched and _is_free(one))
    return f"http://localhost:{next(ports, _FIRST_PORT)}"


def _is_free(port: int) -> bool:
    """Return whether nothing on this machine listens on a port."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return error.errno != errno.EADDRINUSE
    return True


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _port(url: str) -> int:
    try:
        return urlsplit(url).port or 8020
    except ValueError:
        return 8020
