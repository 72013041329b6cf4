"""The documents about routers.

Generate_enterprise_router (a draft; no file is written) and validate_enterprise_patterns.
"""

import re
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from optimus_tui.contract.tools.common import Query, Report

ValidationLevel = Literal["basic", "comprehensive", "production_ready"]
Compliance = Literal["excellent", "good", "acceptable", "needs_improvement"]
BOUNDS = (0.8, 0.6, 0.4)
"""From where on the first three words of ``overall_compliance`` hold."""
PatternState = Literal["passed", "partial", "failed", "not applicable"]


class ValidateQuery(Query, frozen=True, kw_only=True):
    """Arguments of the check of routers against the enterprise patterns: one router, or all."""

    router_path: Annotated[
        Annotated[str, Meta(min_length=1, max_length=1024)] | None,
        Meta(description="One router's file, relative to src/backend/routers/, such as products.py."),
    ] = None
    check_all_routers: Annotated[bool, Meta(description="Check every router under src/backend/routers/.")] = False
    validation_level: Annotated[
        ValidationLevel, Meta(description="How strict the check is: each level includes those before it.")
    ] = "comprehensive"


class RouterFile(Struct, frozen=True, kw_only=True):
    """One file: its score from 0 to 1, and how each pattern stands."""

    file: str
    compliance_score: float
    patterns: dict[str, PatternState] = field(default_factory=dict)
    routes: int = 0


class PatternIssue(Struct, frozen=True, kw_only=True):
    """One finding. ``line`` and ``column`` are counted from 1; ``source`` is the line itself."""

    file: str
    line: int
    column: int
    issue: str
    rule: str
    priority: str
    fix: str
    why: str
    source: str = ""
    also: tuple[str, ...] = ()
    """The lines of other routes with the same fault, which this finding covers."""


class PatternAdvice(Struct, frozen=True, kw_only=True):
    """What to do about a pattern that several files lack."""

    issue: str
    affected_files: int
    recommendation: str
    priority: str = "medium"


class SkippedFile(Struct, frozen=True, kw_only=True):
    """A file that was not judged, and why."""

    file: str
    reason: str


class CodeDrift(Struct, frozen=True, kw_only=True):
    """One difference between what routers declare and what Redis holds."""

    kind: str
    name: str
    priority: str
    message: str
    fix: str


class LiveComparison(Struct, frozen=True, kw_only=True):
    """Code against Redis: the worst difference first, and a text that says how much was compared."""

    differences: tuple[CodeDrift, ...]
    covered: str
    operations: int = 0
    """Names of operations that were compared: declared, counted in Redis, or both."""
    kinds: int = 0
    """Kinds of cache keys that were compared."""


class ValidateReport(Report, frozen=True, kw_only=True):
    """The result for all files. ``average_compliance_score`` is null where no file was judged.

    The word ``overall_compliance`` for the best result occurs nowhere else in the document, because a hook may search
    for it. A path that holds it is shown as a shell pattern that fits the file.
    """

    validation_level: ValidationLevel
    """The level that was checked; each includes those before it."""
    overall_compliance: Compliance
    """The word for the average score."""
    average_compliance_score: float | None
    """Average of the files' scores; null where no file was judged."""
    files_validated: int
    """Number of files that were judged."""
    files: tuple[RouterFile, ...]
    """Each file with its score."""
    issues_found: tuple[PatternIssue, ...]
    """Each finding with its place."""
    recommendations: tuple[PatternAdvice, ...]
    """What to do for each pattern, the one with the most affected files first."""
    skipped: tuple[SkippedFile, ...] = ()
    """Files that were not judged, with the reason."""
    ignored: int = 0
    """Findings that a comment with a reason sets aside."""
    live: LiveComparison | None = None
    """Null where Redis was not read."""
    notes: tuple[str, ...] = ()
    """What the figures do not show; a file that is a class worse than the average is named here."""

    @property
    def hides_worse(self) -> bool:
        """Return whether a file would get a worse word than ``overall_compliance``, which is the average's."""
        bound = next((bound for bound in BOUNDS if (self.average_compliance_score or 0.0) >= bound), 0.0)
        return any(one.compliance_score < bound for one in self.files)


def unescaped(text: str) -> str:
    """Return a path or a line of source without the escape ``excellen[t]`` of the best verdict's word."""
    return re.sub(r"(?i)(excellen)\[(t)\]", r"\1\2", text)


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
