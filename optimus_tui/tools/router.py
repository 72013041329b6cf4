"""generate_enterprise_router: the draft of a router and its tests. It writes nothing: ``scaffold new`` does that.

It also warns about operations and cache kinds that another router of the project has already. Both are names in Redis,
so two routers with the same name share one limit, or one cache. Nothing is refused for it.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from optimus_tui.contract.tools.common import ToolError
from optimus_tui.contract.tools.traffic import GeneratedFile, GeneratedPaths, RouterQuery, RouterReport
from optimus_tui.patterns.judge import inspect
from optimus_tui.patterns.source.project import Project
from optimus_tui.scaffold.render import Draft
from optimus_tui.tools.router_files import SourceTree, examine
from optimus_tui.wording.numbers import plural, timestamp
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.context import Context
    from optimus_tui.scaffold.target import RouterTarget


QUERY, REPORT = RouterQuery, RouterReport


def found(report: RouterReport) -> bool:
    """Return False, because a draft is not a finding."""
    return False


async def run(ctx: "Context", query: RouterQuery) -> RouterReport:
    """Check the answers and render both files in memory."""
    from optimus_tui.scaffold.fields import SpecError
    from optimus_tui.scaffold.options.parents import with_parent
    from optimus_tui.scaffold.render import features, next_steps, render
    from optimus_tui.scaffold.spec import make_spec
    from optimus_tui.tools.answer import ToolFailure

    try:
        spec = make_spec(
            query.router_name,
            query.router_type,
            query.operations,
            storage=query.storage,
            rate_limiting=query.include_rate_limiting,
            caching=query.include_caching,
            fields=query.fields,
            filters=query.filters,
            parent=query.parent,
        )
    except SpecError as error:
        if error.allowed:
            message = f"{error}; allowed: {', '.join(error.allowed)}"
        else:
            message = str(error)
        wrong = ToolError(code="bad_argument", message=message, argument=error.argument, allowed=error.allowed)
        raise ToolFailure(wrong, 2) from None
    root, target = await asyncio.to_thread(_place, ctx.settings.source_path, query)
    spec = replace(spec, target=target)
    if root is not None:
        spec = await asyncio.to_thread(with_parent, root, spec)
    draft = render(spec)
    if root is not None:
        await asyncio.to_thread(_refuse_older, root, draft)
    beside = [file for file in draft.beside if root is None or not (root / file.path).exists()]
    return RouterReport(
        tool="generate_enterprise_router",
        timestamp=timestamp(ctx.clock.wall()),
        router_name=spec.name,
        router_type=spec.type,
        operations=spec.operations,
        files_generated=GeneratedPaths(draft.router.path, draft.test.path),
        files=tuple(GeneratedFile(file.path, file.content, file.sha256) for file in (*draft.files, *beside)),
        registered_in=target.into,
        enterprise_features=features(spec),
        next_steps=next_steps(spec, ctx.settings.gateway_url),
    )


def _refuse_older(root: Path, draft: Draft) -> None:
    """Raise ToolFailure where the project's helpers lack what the draft uses."""
    from optimus_tui.scaffold.lacking import what_lacks
    from optimus_tui.tools.answer import ToolFailure

    tree = SourceTree(root)

    def read(path: str) -> bytes | None:
        data = tree.read(path)
        if isinstance(data, bytes):
            return data
        return None

    if lacking := what_lacks(draft, read):
        raise ToolFailure(ToolError(code="bad_argument", message=lacking), 2)


def _place(source_path: Path | None, query: RouterQuery) -> "tuple[Path | None, RouterTarget]":
    """Return the project that is watched, or that this process was started in, and where the router belongs there.

    Started elsewhere than in a project with an application, the draft is for a project like the reference gateway.

    Raises:
        ToolFailure: The project has no such place, or several.
    """
    from optimus_tui.scaffold.layout import LayoutError, find_target, project_of
    from optimus_tui.scaffold.target import GATEWAY
    from optimus_tui.tools.answer import ToolFailure

    root = source_path or project_of(Path.cwd())
    named = bool(query.package or query.into)
    try:
        if root is None:
            if named:
                raise LayoutError("no project is here or above: start this in one, or set BACKEND_ORCHESTRATOR_PATH")
            return None, GATEWAY
        return root, find_target(root, query.package, query.into)
    except LayoutError as error:
        if error.argument == "project" and source_path is None and not named:
            return None, GATEWAY
        argument = error.argument if error.argument in ("package", "into") else None
        wrong = ToolError(code="bad_argument", message=str(error), argument=argument, allowed=error.choices or None)
        raise ToolFailure(wrong, 2) from None


SECONDS = 4.0
_LISTED = 3


def shared_names(root: Path, draft: Draft) -> tuple[str, ...]:
    """Return one sentence for each router that shares operations or cache kinds with the draft. Reads the disk."""
    tree, router = SourceTree(root), draft.router
    mine = inspect(router.path, router.content.encode(), Project(tree.load, tree.layout))
    folder = draft.spec.target.folder
    outcome = examine(root, [path for path in tree.below(folder) if path != router.path], seconds=SECONDS)
    warnings: list[str] = []
    for one in outcome.judged:
        name = safe_text(one.path.rpartition("/")[2], 60)
        if operations := sorted(set(mine.operations) & set(one.verdict.operations)):
            warnings.append(f"{name} counts {_listed(operations)}, too: one limit would hold for both routers")
        if kinds := sorted(set(mine.kinds) & set(one.verdict.kinds)):
            warnings.append(f"{name} caches {_listed(kinds)}, too: each would serve and drop the other's answers")
    late = sum(reason.startswith("not reached") for _, _, reason in outcome.skipped)
    if late:
        warnings.append(f"{plural(late, 'router')} not read in time: a name in use there would not be noticed")
    return tuple(warnings)


def _listed(names: Sequence[str]) -> str:
    first, rest = names[:_LISTED], len(names) - _LISTED
    return ", ".join(safe_text(name, 60) for name in first) + (f" and {rest} more" if rest > 0 else "")
