"""Render a router and its tests from the answers, and add its two lines to the gateway's ``app.py``. Pure."""

import ast
import hashlib
import io
import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from optimus_tui.assets import asset_dir
from optimus_tui.scaffold.lines import METHODS, context, sample, trial_context, when
from optimus_tui.scaffold.spec import RouterSpec
from optimus_tui.wording.safe import shell_word

if TYPE_CHECKING:
    from jinja2.sandbox import ImmutableSandboxedEnvironment


APP_PATH = "src/backend/app.py"


class RegistrationError(ValueError):
    """Why the router cannot be registered, in one sentence."""


def lines_to_add(name: str) -> tuple[str, str]:
    """Return the import and the call, as a person would write them."""
    return f"from backend.routers.{name} import router as {name}_router", f"app.include_router({name}_router)"


def register(source: str, name: str) -> str:
    """Return the source with the router in it; the same source if it is registered already.

    The place is found by syntax tree, and the rest is unchanged. If no application can be found, the error says so,
    and a person adds the lines.

    Raises:
        RegistrationError: The place for the lines cannot be found.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise RegistrationError(f"{APP_PATH} is not valid Python") from None
    lines = io.StringIO(source, newline="").readlines()
    ending = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    alias = _imported_as(tree, name)
    called = alias or f"{name}_router"
    inserts: list[tuple[int, str]] = []
    if not any(_argument(call) in (called, f"{name}.router") for call in _calls(tree)):
        after, indent, application = _place_of_call(tree)
        inserts.append((after, f"{indent}{application}.include_router({called})"))
    if alias is None:
        inserts.append((_place_of_import(tree, name), lines_to_add(name)[0]))
    for after, text in sorted(inserts, reverse=True):
        if after and not lines[after - 1].endswith(("\n", "\r")):
            lines[after - 1] += ending
        lines.insert(after, text + ending)
    made = "".join(lines)
    ast.parse(made)
    return made


def _imported_as(tree: ast.Module, name: str) -> str | None:
    """Return the name under which the router of ``backend.routers.NAME`` is imported; None if it is not."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == f"backend.routers.{name}":
            for one in node.names:
                if one.name == "router":
                    return one.asname or one.name
        if isinstance(node, ast.ImportFrom) and node.module == "backend.routers":
            for one in node.names:
                if one.name == name and one.asname in (None, name):
                    return f"{name}.router"
    return None


def _calls(tree: ast.Module) -> list[ast.Call]:
    """Return every ``something.include_router(...)`` that is a statement, in the order of the file."""
    found = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Attribute)
        and node.value.func.attr == "include_router"
        and isinstance(node.value.func.value, ast.Name)
    ]
    return sorted(found, key=lambda call: call.lineno)


def _argument(call: ast.Call) -> str:
    given = [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg == "router")]
    if not given:
        return ""
    return ast.unparse(given[0])


def _place_of_call(tree: ast.Module) -> tuple[int, str, str]:
    """Return (line, indent, application) for the call: after the last one, else after the application is made."""
    calls = _calls(tree)
    if calls:
        last = calls[-1]
        function = last.func
        assert isinstance(function, ast.Attribute)
        return last.end_lineno or last.lineno, " " * last.col_offset, ast.unparse(function.value)
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Call)
            and ast.unparse(node.value.func).rpartition(".")[2] == "FastAPI"
            and isinstance(node.targets[0], ast.Name)
        ):
            return node.end_lineno or node.lineno, " " * node.col_offset, node.targets[0].id
    raise RegistrationError(f"{APP_PATH} does not create a FastAPI application that can be found")


def _place_of_import(tree: ast.Module, name: str) -> int:
    """Return the line after which to import: among the routers' sorted imports, else after the last import."""
    imports = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    routers = [
        node
        for node in imports
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("backend.routers")
    ]
    before = [node for node in routers if (node.module or "") < f"backend.routers.{name}"]
    if before:
        return before[-1].end_lineno or before[-1].lineno
    if routers:
        return routers[0].lineno - 1
    if imports:
        return imports[-1].end_lineno or imports[-1].lineno
    for first in tree.body[:1]:
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            return first.end_lineno or 0
    return 0


class ShapeError(Exception):
    """A generated file is not Python, or not the expected code. A bug of Optimus TUI, or an attack."""


def check_shape(spec: RouterSpec, texts: tuple[str, ...], render: Callable[[RouterSpec], tuple[str, ...]]) -> None:
    """Compile the texts and compare their nodes with those of the harmless twin.

    Args:
        spec: The answers.
        texts: The rendered files.
        render: Renders a spec.

    Raises:
        ShapeError: A text does not compile, or differs.
    """
    for text, path, twin in zip(texts, spec.paths, render(_twin(spec)), strict=True):
        try:
            tree = ast.parse(text, path)
            compile(tree, path, "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise ShapeError(f"{path} is not valid Python: {error}") from None
        if list(_nodes(tree)) != list(_nodes(ast.parse(twin))):
            raise ShapeError(f"{path} holds other code than its answers call for")


def _nodes(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        name = type(node).__name__
        if isinstance(node, ast.Constant):
            name = f"{name} {type(node.value).__name__}"
        yield name


def _twin(spec: RouterSpec) -> RouterSpec:
    fields = tuple(
        replace(field, name=f"field{number}", default=_like(field.default)) for number, field in enumerate(spec.fields)
    )
    return replace(spec, name="things", fields=fields)


def _like(value: Any) -> Any:
    """Return a harmless value of the same kind. A negative number has two nodes, so it stays negative."""
    if isinstance(value, str):
        return "x"
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
    """A router and its test."""

    spec: RouterSpec
    router: DraftFile
    test: DraftFile

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
    return Draft(spec, DraftFile(spec.paths[0], router), DraftFile(spec.paths[1], test))


def _texts(spec: RouterSpec) -> tuple[str, str]:
    return _fill("router.py.j2", context(spec)), _fill("tests.py.j2", {**context(spec), **trial_context(spec)})


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
        "direct": "Direct: a repository seam with an in-memory store to begin with",
        "hybrid": "Hybrid: the gateway's own store first, the AI Engine for what it does not hold or when told",
    }
    sentences = [where[spec.type], "Multi-tenant: X-Tenant-ID is required, checked and part of every key"]
    if spec.rate_limiting:
        sentences.append("Rate limiting: per tenant and operation, 429 with Retry-After")
    if spec.caching and spec.reads:
        sentences.append("Caching: reads with a TTL, keys apart for each tenant")
    if spec.caching and spec.writes:
        sentences.append("Cache coherence: a write invalidates cached answers and publishes the event")
    codes = ", ".join(["404", "422", *when(spec.has_engine, "502"), "503", "504"])
    sentences.append(f"Error handling: {codes}; failures are logged without contents and counted for Prometheus")
    if "list" in spec.operations:
        sentences.append("Pagination: limit and offset, bounded")
    return (*sentences, "Tests: each operation, tenants, limits, cache, failures, as far as the router has them")


def next_steps(spec: RouterSpec, gateway_url: str) -> tuple[str, ...]:
    """Return lines and commands in order; the last three run the tests, start the gateway and send a request."""
    router, test = spec.paths
    imported, included = lines_to_add(spec.name)
    return (
        f"Save the files as {router} and {test}, or let optimus-tui scaffold new {spec.name} write and register them",
        imported,
        included,
        f"pytest {test} -v",
        f"uvicorn backend.app:app --app-dir src --port {_port(gateway_url)}",
        _request(spec, gateway_url),
    )


def _request(spec: RouterSpec, gateway_url: str) -> str:
    """Return a request that works at once: the list or a create first, because nothing exists yet."""
    operation = next(each for each in ("list", "create", "get", "update", "delete") if each in spec.operations)
    url = f"{gateway_url}/api/{spec.name}{'/' if operation in ('list', 'create') else '/1'}"
    line = f"curl -X {METHODS[operation]} {shell_word(url)} -H 'X-Tenant-ID: demo_dentist'"
    if operation in ("create", "update"):
        line += f" -H 'Content-Type: application/json' -d {shell_word(json.dumps(sample(spec.fields)))}"
    return line


def _port(url: str) -> int:
    try:
        return urlsplit(url).port or 8020
    except ValueError:
        return 8020
