"""generate_enterprise_router: the draft of a router and its tests. It writes nothing: ``scaffold new`` does that."""

from typing import TYPE_CHECKING

from optimus_tui.contract.tools.common import ToolError
from optimus_tui.contract.tools.router import GeneratedFile, GeneratedPaths, RouterQuery, RouterReport

if TYPE_CHECKING:
    from optimus_tui.context import Context

QUERY, REPORT = RouterQuery, RouterReport


def found(report: RouterReport) -> bool:
    """Return False: a draft is no finding."""
    return False


async def run(ctx: "Context", query: RouterQuery) -> RouterReport:
    """Check the answers and render both files in memory."""
    from optimus_tui.scaffold.explain import features, next_steps
    from optimus_tui.scaffold.names import SpecError
    from optimus_tui.scaffold.render import render
    from optimus_tui.scaffold.spec import make_spec
    from optimus_tui.tools.answer import timestamp
    from optimus_tui.tools.arguments import ToolFailure

    try:
        spec = make_spec(
            query.router_name,
            query.router_type,
            query.operations,
            rate_limiting=query.include_rate_limiting,
            caching=query.include_caching,
            fields=query.fields,
        )
    except SpecError as error:
        if error.allowed:
            message = f"{error}; allowed: {', '.join(error.allowed)}"
        else:
            message = str(error)
        wrong = ToolError(code="bad_argument", message=message, argument=error.argument, allowed=error.allowed)
        raise ToolFailure(wrong, 2) from None
    draft = render(spec)
    return RouterReport(
        tool="generate_enterprise_router",
        timestamp=timestamp(ctx.clock.wall()),
        router_name=spec.name,
        router_type=spec.type,
        operations=spec.operations,
        files_generated=GeneratedPaths(draft.router.path, draft.test.path),
        files=tuple(GeneratedFile(file.path, file.content, file.sha256) for file in draft.files),
        enterprise_features=features(spec),
        next_steps=next_steps(spec, ctx.settings.gateway_url),
    )
