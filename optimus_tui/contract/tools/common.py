"""What all tools share: the head of every document, the base of every query, diagnostics and the error body."""

from typing import Annotated, Literal, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType

SCHEMA_VERSION = "1.0"

TenantId = Annotated[str, Meta(min_length=1, max_length=4096, description="Tenant, as literal text: never a pattern.")]
DEFAULT_TENANT = "demo_dentist"
"""Whom a tool examines where no tenant is given; another system than ours, which has none of that name, has its own."""
WindowMinutes = Annotated[
    int, Meta(ge=1, le=10_080, description="How far back to look, in minutes; the answer says what was covered.")
]

WindowSource = Literal["prometheus", "history", "live"]
ErrorCode = Literal[
    "unknown_tool", "bad_argument", "bad_configuration", "unreachable", "deadline", "busy", "refused", "internal"
]


class Query(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A query. Unknown arguments, wrong types and values outside their bounds are refused by name."""


class Report(Struct, frozen=True, kw_only=True):
    """The head of every document. ``timestamp`` is UTC and ends in Z.

    ``history_unread`` says why the history could not be read, so that windows are empty; absent where it could be.
    """

    schema_version: str = SCHEMA_VERSION
    tool: str
    timestamp: str
    history_unread: str | UnsetType = UNSET
    aliases: dict[str, str] | UnsetType = UNSET
    """What people call the tenants whose counters were read, by their names; absent where the gateway has none."""


class Diagnostic(Struct, frozen=True, kw_only=True):
    """One judged fact, with the value and the threshold behind it.

    ``severity`` is in the tool's own words, as the contract has them; ``level`` is low, medium, high or critical for
    every tool and pane alike, empty in a document of an older version.
    """

    severity: str
    level: str = ""
    message: str
    impact: str = ""
    rule: str
    subject: str = ""
    measured: float | str | None = None
    measured_words: str = ""
    """How ``measured`` is written where it is an estimate or a bound: ``≈ 320 ms``, ``over 1.0 s``."""
    threshold: float | str | None = None
    unit: str = ""
    samples: int | None = None
    window_seconds: float | None = None
    """How long the samples were taken for, up to now; None where it is a figure of this moment, or not known."""
    caused_by: str = ""
    """The rule of the finding that is known to be its cause, which stands before it; "" where none is known."""


class Recommendation(Struct, frozen=True, kw_only=True):
    """A recommendation, with the exact command or the file to open if there is one; ``rule``: what it fixes."""

    action: str
    priority: str
    command: str | None = None
    file: str | None = None
    reason: str = ""
    rule: str = ""


class CoverageSection(Struct, frozen=True, omit_defaults=True):
    """The part of the keyspace that was read."""

    scanned: int
    total: int | None
    complete: bool
    read_from: str | None = None
    """From which replicas it was read, and how far these are behind; left out where primaries were read."""


class ShapeSection(Struct, frozen=True):
    """Names of one shape: ``…`` stands for what differs."""

    shape: str
    count: int


class NamesSection(Struct, frozen=True):
    """Names that follow no known layout: how many, and at most ten shapes of them."""

    count: int
    shapes: tuple[ShapeSection, ...] = ()


class ToolError(Struct, frozen=True, kw_only=True):
    """The reason why there is no result: one sentence, the argument with the mistake and its valid values."""

    code: ErrorCode
    message: str
    argument: str | None = None
    allowed: tuple[str, ...] | None = None


class ErrorReport(Report, frozen=True, kw_only=True):
    """The document that stdout, MCP and HTTP return where a tool could not run."""

    error: ToolError


T = TypeVar("T")


def rounded(value: float | None, digits: int = 1) -> float | None:
    """Return the value with at most ``digits`` decimals, or None if it is not known."""
    if value is None:
        return None
    return round(value, digits)


def if_known(known: object, value: T) -> T | None:
    """Return the value if ``known`` is true, else None. The value is computed in either case."""
    if known:
        return value
    return None


def status_of(known: object, otherwise: str) -> str:
    """Return the status of a section: "ok" if ``known`` is true, else ``otherwise``."""
    if known:
        return "ok"
    return otherwise
