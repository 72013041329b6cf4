"""generate_enterprise_router: a router and its tests as a draft. No file is written."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from optimus_tui.contract.tools.common import Query, Report

RouterType = Literal["proxy", "direct", "hybrid"]
Operation = Literal["list", "create", "get", "update", "delete"]


class RouterQuery(Query, frozen=True, kw_only=True):
    """Draft one router."""

    router_name: Annotated[
        str,
        Meta(
            description="Names the file, the path /api/NAME and the operations: a lower-case letter, then up to 39 "
            "lower-case letters, digits or _; no Python keyword, none of app, main, routers, utils, config, conftest, "
            "test."
        ),
    ]
    router_type: Annotated[
        RouterType,
        Meta(
            description="proxy: the AI Engine keeps everything; direct: a store of the gateway's own; hybrid: that "
            "store first, the engine for what it does not hold, or on request."
        ),
    ] = "proxy"
    operations: Annotated[tuple[Operation, ...], Meta(description="Any of them, in any order.")] = (
        "list",
        "create",
        "get",
        "update",
    )
    include_rate_limiting: Annotated[
        bool, Meta(description="Count requests per tenant and operation; 429 with Retry-After above the limit.")
    ] = True
    include_caching: Annotated[
        bool, Meta(description="Cache reads with a TTL; writes invalidate them and publish the event.")
    ] = True
    fields: Annotated[
        tuple[str, ...],
        Meta(
            description="The resource's own fields, each NAME:TYPE, NAME:TYPE? (optional) or NAME:TYPE=DEFAULT; types "
            "are str, int, float, bool, date, datetime. Without any: name:str and description:str?."
        ),
    ] = ()


class GeneratedPaths(Struct, frozen=True):
    """Where the two files belong, from the gateway's root."""

    router: str
    test: str


class GeneratedFile(Struct, frozen=True):
    """One file of the draft. ``sha256`` is of the content in UTF-8."""

    path: str
    content: str
    sha256: str


class RouterReport(Report, frozen=True, kw_only=True):
    """The draft: ``files`` holds the router and then its test."""

    router_name: str
    """Name of the router."""
    router_type: RouterType
    """Where its data is kept."""
    operations: tuple[Operation, ...]
    """Operations that the router offers."""
    files_generated: GeneratedPaths
    files: tuple[GeneratedFile, ...]
    """Text of the router, then of its test."""
    enterprise_features: tuple[str, ...]
    """Features that the router has, in words."""
    next_steps: tuple[str, ...]
    """What to do with the draft, in order."""
