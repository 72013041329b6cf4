"""A spec as files in memory: fixed templates, a sandbox, no undefined names, and a look at the result's shape.

It refuses text of a caller as a template, and a result whose syntax tree is not the one that its answers call for.
"""

import hashlib
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from optimus_tui.assets import asset_dir
from optimus_tui.scaffold.lines import context
from optimus_tui.scaffold.samples import trial_context
from optimus_tui.scaffold.shape import check_shape
from optimus_tui.scaffold.spec import RouterSpec

if TYPE_CHECKING:
    from jinja2.sandbox import ImmutableSandboxedEnvironment


class DraftFile(Struct, frozen=True):
    """One file that is not written yet; ``path`` is from the gateway's root."""

    path: str
    content: str

    @property
    def sha256(self) -> str:
        """Of the content in UTF-8."""
        return hashlib.sha256(self.content.encode()).hexdigest()


class Draft(Struct, frozen=True):
    """A router and its test."""

    spec: RouterSpec
    router: DraftFile
    test: DraftFile

    @property
    def files(self) -> tuple[DraftFile, DraftFile]:
        """The router first."""
        return self.router, self.test


def render(spec: RouterSpec) -> Draft:
    """The draft; the same spec gives the same bytes. ShapeError where a template went wrong."""
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
