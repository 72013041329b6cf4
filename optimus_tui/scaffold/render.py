"""Render a router and its tests from the answers, check that the code is what they call for, and explain it. Pure."""

import ast
import hashlib
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
from optimus_tui.scaffold.register import lines_to_add
from optimus_tui.scaffold.spec import RouterSpec
from optimus_tui.wording.shell import shell_word

if TYPE_CHECKING:
    from jinja2.sandbox import ImmutableSandboxedEnvironment


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
