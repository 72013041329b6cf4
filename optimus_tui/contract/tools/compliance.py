"""The question and the document of the check of routers against the patterns."""

import re
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from optimus_tui.contract.tools.common import Query, Report

BOUNDS = (0.8, 0.6, 0.4)
"""From where on the first three words of ``overall_compliance`` hold."""
ValidationLevel = Literal["basic", "comprehensive", "production_ready"]
Profile = Literal["fastapi", "gateway"]
Compliance = Literal["excellent", "good", "acceptable", "needs_improvement"]
PatternState = Literal["passed", "partial", "failed", "not applicable"]


class ValidateQuery(Query, frozen=True, kw_only=True):
    """Arguments of the check of routers against the enterprise patterns: one router, or all."""

    router_path: Annotated[
        Annotated[str, Meta(min_length=1, max_length=1024)] | None,
        Meta(description="One router's file, relative to src/backend/routers/, such as products.py."),
    ] = None
    check_all_routers: Annotated[bool, Meta(description="Check every router under src/backend/routers/.")] = False
    validation_level: Annotated[
        ValidationLevel | None,
        Meta(
            description="How strict the check is: each level includes those before it. Without it the level of "
            "optimus.toml, else comprehensive."
        ),
    ] = None
    profile: Annotated[
        Profile | None,
        Meta(
            description="fastapi: what holds for every project; gateway adds tenancy, limits, caching, breakers and "
            "metrics. Without it the profile of optimus.toml, else the one that fits what the project uses."
        ),
    ] = None


class RouterFile(Struct, frozen=True, kw_only=True):
    """One file: its score from 0 to 1, null where no pattern applies to it, and how each pattern stands."""

    file: str
    compliance_score: float | None
    patterns: dict[str, PatternState] = field(default_factory=dict)
    routes: int = 0


class PatternPlace(Struct, frozen=True, kw_only=True):
    """Another route with the same fault. ``line`` and ``column`` are counted from 1; ``source`` is the line itself."""

    line: int
    column: int
    issue: str
    route: str
    source: str = ""
    symbol: str = ""
    code: str = ""


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
    route: str = ""
    """The route that it is about, for a rule that is judged by route."""
    symbol: str = ""
    """The function that holds the place; "" for the file itself."""
    code: str = ""
    """A digest of the statement or function, which a move, a rename and a reformat leave as it is."""
    also: tuple[PatternPlace, ...] = ()
    """Other routes with the same fault, which this finding covers."""


class PatternAdvice(Struct, frozen=True, kw_only=True):
    """The advice about a pattern that several files lack."""

    issue: str
    affected_files: int
    recommendation: str
    priority: str = "medium"


NOTICE = "its score is unknown"
"""What the reason begins with where nobody has to do anything about a file that was not judged."""


class SkippedFile(Struct, frozen=True, kw_only=True):
    """A file that was not judged, and why."""

    file: str
    reason: str

    @property
    def is_refused(self) -> bool:
        """Return whether it should have been judged. A file for another version of Python counts as a notice only."""
        return not self.reason.startswith(NOTICE)


class NotJudged(Struct, frozen=True, kw_only=True):
    """A route on which a rule could not decide, because something that runs for it could not be followed."""

    file: str
    line: int
    rule: str
    reason: str
    name: str
    """What could not be resolved."""


class CodeDrift(Struct, frozen=True, kw_only=True):
    """One difference between what routers declare and what Redis holds."""

    kind: str
    name: str
    priority: str
    message: str
    fix: str


class LiveComparison(Struct, frozen=True, kw_only=True):
    """Code against Redis and the running gateway: the worst difference first, and how much was compared."""

    differences: tuple[CodeDrift, ...]
    covered: str
    operations: int = 0
    """Names of operations that were compared: declared, counted in Redis, or both."""
    kinds: int = 0
    """Kinds of cache keys that were compared."""
    limits: int = 0
    """Operations whose limits were compared with those that the gateway publishes."""
    routes: int = 0
    """Routes that were compared with the gateway's `/openapi.json`."""
    not_compared: tuple[str, ...] = ()
    """What could not be compared, each with the reason."""


class ProjectProfile(Struct, frozen=True, kw_only=True):
    """The profile of a project: which groups of rules apply to it."""

    project: str
    profile: Profile
    chosen_by: str
    """`detected`, or who chose it: the place in `optimus.toml`, or the caller."""
    evidence: tuple[str, ...] = ()
    """What the project uses and the profile was chosen for, with its place."""
    not_judged: tuple[str, ...] = ()
    """Patterns of which no rule was applied: those of the other profile, and those that need what is not there."""


class ValidateReport(Report, frozen=True, kw_only=True):
    """The result for all files. ``average_compliance_score`` is null where no file was judged.

    ``excellent``, the best value of ``overall_compliance``, occurs nowhere else in the document, because hooks search
    for it. A path that contains it is shown as a shell pattern that fits the file.
    """

    validation_level: ValidationLevel
    """The level that was checked; each level includes the lower ones."""
    overall_compliance: Compliance | None
    """The word for the average score; null where no pattern applies to the files that were judged."""
    average_compliance_score: float | None
    """Average of the scores of the files that have one; null where none has."""
    files_validated: int
    """Number of files that were judged."""
    files: tuple[RouterFile, ...]
    """Each file with its score."""
    issues_found: tuple[PatternIssue, ...]
    """Each finding with its place."""
    recommendations: tuple[PatternAdvice, ...]
    """What to do for each pattern, the one with the most affected files first."""
    profiles: tuple[ProjectProfile, ...] = ()
    """Each project with the profile that its files were judged by, and why."""
    skipped: tuple[SkippedFile, ...] = ()
    """Files that were not judged, with the reason."""
    not_judged: tuple[NotJudged, ...] = ()
    """What could not be decided, with the name that could not be resolved; these are not findings."""
    without_routes: int = 0
    """Files that declare no route; they are neither judged nor listed."""
    excluded: int = 0
    """Files that `[validate]` of `optimus.toml` excludes."""
    ignored: int = 0
    """Findings that a comment with a reason sets aside."""
    live: LiveComparison | None = None
    """Null where Redis was not read."""
    notes: tuple[str, ...] = ()
    """What the figures do not show, such as a file whose grade is worse than that of the average."""

    @property
    def hides_worse(self) -> bool:
        """Return whether a file would get a worse word than ``overall_compliance``, which rates the average."""
        bound = next((bound for bound in BOUNDS if (self.average_compliance_score or 0.0) >= bound), 0.0)
        return any(one.compliance_score is not None and one.compliance_score < bound for one in self.files)


def unescaped(text: str) -> str:
    """Return a path or a line of source without the escape ``excellen[t]`` of the best verdict's word."""
    return re.sub(r"(?i)(excellen)\[(t)\]", r"\1\2", text)
