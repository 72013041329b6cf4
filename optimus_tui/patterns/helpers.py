"""A project's own limiter, tenant dependency, cache and logger, as its code uses them, for the remedies of findings.

The most used one counts, and its first use is the example. Tests, migrations and scripts are no examples.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from optimus_tui.patterns.rule import Rule
from optimus_tui.patterns.signs import WEB, is_served
from optimus_tui.patterns.source.vocabulary import is_limiter, is_tenant, words

Job = Literal["limiter", "tenant", "cache", "logger"]
_NAME = rb"[A-Za-z_][\w.]{2,60}"
_USE = re.compile(
    rb"\b(?:Depends|Security)\(\s*(?P<needed>%b)(?P<made>\(?)"
    rb"|^[ \t]*@(?P<decorates>%b)\(" % (_NAME, _NAME),
    re.MULTILINE,
)
_LOGS = re.compile(rb"=[ \t]*(%b)\(__name__\)" % _NAME)
_REFUSES = frozenset({"reject", "guard", "policy", "check", "require", "multi", "is", "verify"})
"""Words of dependencies that judge a tenant and give none."""
_REMEDIES: dict[str, tuple[Job, str]] = {
    "limits.missing": (
        "limiter",
        "Declare the project's own limiter on the route, its router or the app: {use}, as in {place}. A request over "
        "the limit is answered 429 with Retry-After.",
    ),
    "tenancy.missing": ("tenant", "Ask for the tenant as the project does elsewhere: {use}, as in {place}."),
    "caching.missing": ("cache", "Read through the project's own cache, with a TTL: {use}, as in {place}."),
    "logging.missing": (
        "logger",
        "Use the project's own logger: {use}, as in {place}, and write a line where something is changed or fails; or "
        "add a middleware that logs every request.",
    ),
}
"""By rule: what has to be in the project, and the remedy that names it."""


class Helper(NamedTuple):
    """A helper as the project uses it: ``use`` is a line of code, with the first place where it occurs."""

    use: str
    path: str
    line: int
    name: str


@dataclass
class _Used:
    first: Helper
    times: int = 0


class HelperUses:
    """Counts how a project uses its helpers, over its files."""

    def __init__(self) -> None:
        self._used: dict[Job, dict[str, _Used]] = {}

    def look(self, path: str, data: bytes) -> None:
        """Look through one file."""
        if is_served(path) and (b"Depends(" in data or b"@" in data or b"(__name__)" in data):
            for job, use, name, offset in _uses(data):
                of_job = self._used.setdefault(job, {})
                if use not in of_job:
                    of_job[use] = _Used(Helper(use, path, data.count(b"\n", 0, offset) + 1, name))
                of_job[use].times += 1

    def most_used(self) -> "dict[Job, Helper]":
        """Return the most used helper for each job, if the project has one."""
        return {job: max(used.values(), key=lambda one: one.times).first for job, used in self._used.items()}


def _uses(data: bytes) -> Iterator[tuple[Job, str, str, int]]:
    for found in _LOGS.finditer(data) if b"(__name__)" in data else ():
        name = found[1].decode("ascii", "replace")
        if words(name) & {"log", "logger", "logging", "structlog"}:
            yield "logger", f"{name}(__name__)", name, found.start(1)
    for found in _USE.finditer(data) if WEB.are_in(data) else ():
        kind = found.lastgroup if found.lastgroup != "made" else "needed"
        name, place = found[str(kind)].decode("ascii", "replace"), found.start(str(kind))
        made = "(…)" * bool(found["made"])
        use = f"@{name}(…)" if kind == "decorates" else f"Depends({name}{made})"
        last = name.rpartition(".")[2]
        if is_limiter(name):
            yield "limiter", use, name, place
        elif words(name) & {"cache", "cached", "caching"} and "lru" not in words(last):
            yield "cache", use, name, place
        elif kind == "needed" and is_tenant(name) and not words(name) & _REFUSES:
            yield "tenant", use, name, place


def remedy(rule: Rule, helpers: "dict[Job, Helper]") -> str:
    """Return a rule's remedy, with the name of the project's own helper added if there is one."""
    job, text = _REMEDIES.get(rule.id, (None, ""))
    if job is None or job not in helpers:
        return rule.fix
    helper = helpers[job]
    if helper.name in rule.fix:
        return rule.fix
    return text.format(use=helper.use, place=f"{helper.path}:{helper.line}")
