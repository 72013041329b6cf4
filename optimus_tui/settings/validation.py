"""The table ``[validate]``: which rules the validator applies to which files, and the project's own words."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

Glob = Annotated[str, Meta(min_length=1, max_length=512)]
RuleName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,39}(\.[a-z][a-z0-9_]{0,39})?$")]
Word = Annotated[str, Meta(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,39}$")]
Words = Annotated[tuple[Word, ...], Meta(max_length=100)]
RuleSetting = Literal["on", "off", "high", "medium", "low"]
RuleSettings = dict[RuleName, RuleSetting]
ValidationLevel = Literal["basic", "comprehensive", "production_ready"]


class PathTable(Struct, frozen=True, forbid_unknown_fields=True):
    """How the rules differ for some files: `[validate.paths."app/internal/**"]`."""

    level: ValidationLevel | None = None
    """The level for these files."""
    rules: RuleSettings = {}
    """Rules or groups of rules by name, as in `[validate.rules]`; they go before those."""


class WordsTable(Struct, frozen=True, forbid_unknown_fields=True):
    """Names that mean something in this project: `tenant = ["club"]` makes `club_id` a tenant."""

    tenant: Words = ()
    """What a tenant is called."""
    limiter: Words = ()
    """What limits requests."""
    cache: Words = ()
    """What keeps answers."""
    logger: Words = ()
    """What writes the log."""
    metrics: Words = ()
    """What counts and times requests."""


class ValidateTable(Struct, frozen=True, forbid_unknown_fields=True):
    """Which rules the validator applies to which files, and the project's own words.

    Patterns of paths are relative to the file that holds them: `*` stands for any characters but `/`, `**` also for
    folders. One without `/` fits at any depth, and one that names a folder fits everything in it.
    """

    profile: Literal["auto", "fastapi", "gateway"] = "auto"
    """`fastapi`: what holds for every project. `gateway` adds tenancy, limits, caching, breakers and metrics. `auto`:
    `gateway` where the project has a limiter, a tenant or a cache."""
    level: ValidationLevel | None = None
    """The level where none is asked for (`comprehensive` without it)."""
    exclude: Annotated[tuple[Glob, ...], Meta(max_length=1000)] = ()
    """Patterns of files that are never judged, also where they are named."""
    rules: RuleSettings = {}
    """Rules or groups of rules by name (`limits.missing`, `rate_limiting`): `on` in every profile and at every level,
    `off`, or the priority that they get: `high`, `medium`, `low`."""
    paths: dict[Glob, PathTable] = {}
    """What is different for the files that fit a pattern; the last pattern that fits goes before the others."""
    words: WordsTable = WordsTable()
    """Names that mean something in this project, by what they mean."""
