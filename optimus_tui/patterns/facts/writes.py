"""Which functions change what is stored: a session, a statement, a collection of documents."""

import ast
import re
from typing import NamedTuple

from optimus_tui.patterns.facts.model import IN_EXCEPT, Scope, Unit
from optimus_tui.patterns.source.resolve import Resolver, Seen, seen_calls
from optimus_tui.patterns.source.vocabulary import REDIS, chain, text_of, words

_SESSION = re.compile(
    r"^(sqlalchemy\.|sqlmodel\.|fastapi_sqlalchemy\.).*(Session|session|scoped_session\(\)|sessionmaker\(\)\(\))\."
)
_SESSION_WRITES = frozenset({"add", "add_all", "delete", "merge", "bulk_save_objects", "bulk_insert_mappings"})
_DOCUMENTS = frozenset(
    {"insert_one", "insert_many", "update_one", "update_many", "replace_one", "delete_one", "delete_many",
     "find_one_and_update", "find_one_and_delete", "find_one_and_replace", "bulk_write", "put_item", "update_item",
     "delete_item"}
)  # fmt: skip
_REMOVALS = frozenset(
    {"os.remove", "os.unlink", "os.rmdir", "shutil.rmtree", "pathlib.Path.unlink", "pathlib.Path.rmdir"}
)
_STATEMENTS = frozenset({"insert", "update", "delete"})
_SQL = re.compile(r"\s*(insert\s+into|update\s+\w+|delete\s+from|truncate)\b", re.IGNORECASE)
_ASIDE = frozenset(
    {"log", "logs", "audit", "event", "events", "usage", "metric", "metrics", "stat", "stats", "analytics", "telemetry",
     "history", "view", "views", "seen", "visit", "visits", "activity", "track", "tracking", "cache", "cached", "last",
     "access", "accessed", "token", "tokens"}
)  # fmt: skip
"""What is written beside an answer, and may be written by a GET."""
_MOST_DEEP = 3


class Write(NamedTuple):
    """A call that writes to a store, as it is written, and its line in the function that was examined."""

    raw: str
    line: int
    function: str = ""
    """The name of the project's function that it calls, where it does not write itself."""


def writes_in(unit: Unit, resolver: Resolver, depth: int = 0) -> Write | None:
    """Return the first call of a function that changes what is stored, itself or in what it calls; None for none.

    Writes after a failure do not count, nor do records of who read what.
    """
    kept: dict[int, Write | None] = unit.memo.setdefault("writes", {})
    if depth not in kept:
        kept[depth] = None  # a function that calls itself
        kept[depth] = _find(unit, resolver, depth)
    return kept[depth]


def _find(unit: Unit, resolver: Resolver, depth: int) -> Write | None:
    commits = unit.attrs & {"commit", "flush"} or depth == 0
    for seen in seen_calls(unit, resolver):
        node = seen.call.node
        if seen.call.flags & IN_EXCEPT:
            continue
        if not _is_aside(seen) and _writes(seen, seen.call.scope, bool(commits)):
            return Write(seen.raw, node.lineno)
        if isinstance(seen.thing, Unit) and depth < _MOST_DEEP and seen.thing is not unit and not _is_aside_name(seen):
            inner = writes_in(seen.thing, resolver, depth + 1)
            if inner is not None:
                return Write(seen.raw, node.lineno, seen.method)
    return None


def job_begun(unit: Unit, resolver: Resolver) -> Write | None:
    """Return the first call by which a function itself hands a job to the workers of a queue; None for none."""
    for seen in seen_calls(unit, resolver):
        func, of_task = seen.call.node.func, False
        if isinstance(func, ast.Attribute) and func.attr in ("delay", "apply_async"):
            task = resolver.what(func.value, seen.call.scope)
            of_task = isinstance(task, Unit) and any("task" in words(chain(one)) for one in task.decorators)
        if of_task or seen.dotted == "celery.Celery.send_task":
            return Write(seen.raw, seen.call.node.lineno)
    return None


def _is_aside(seen: Seen) -> bool:
    given = next(iter(seen.call.node.args), None)
    return not words(chain(given)).isdisjoint(_ASIDE)


def _is_aside_name(seen: Seen) -> bool:
    return not words(seen.raw).isdisjoint(_ASIDE)


def _writes(seen: Seen, scope: Scope, commits: bool) -> bool:
    if seen.visible:
        return False
    if seen.method in _DOCUMENTS or seen.dotted in _REMOVALS:
        return True
    if seen.method in ("delete", "unlink", "set", "setex") and not REDIS.isdisjoint(
        words(seen.raw) | words(seen.dotted)
    ):
        return True
    of_session = bool(_SESSION.match(seen.dotted)) or (not seen.dotted and _named_session(seen.raw))
    if not of_session:
        return False
    if seen.method in _SESSION_WRITES:
        return commits
    return seen.method in ("execute", "exec") and _is_statement(next(iter(seen.call.node.args), None))


def _named_session(raw: str) -> bool:
    owner = raw.rpartition(".")[0].rpartition(".")[2].lower()
    return owner in ("db", "session", "db_session", "dbsession", "async_session")


def _is_statement(node: ast.expr | None) -> bool:
    while isinstance(node, (ast.Call, ast.Attribute)):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                if node.func.id in _STATEMENTS:
                    return True
                if node.func.id == "text":
                    return bool(_SQL.match(text_of(next(iter(node.args), None)) or ""))
            node = node.func
        else:
            node = node.value
    return False
