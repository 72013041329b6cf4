"""Render a spec as files in memory: fixed templates in a sandbox, no undefined names, and a check of the result.

Text of a caller is never a template, and the syntax tree of the result must be the expected one.
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
