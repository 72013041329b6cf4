"""Blocking calls in async code: one of them stops every request of the process."""

from collections.abc import Iterator

from optimus_tui.patterns.facts.model import Unit
from optimus_tui.patterns.rule import Hit, Rule, at
from optimus_tui.patterns.source.resolve import Seen
from optimus_tui.patterns.source.view import View

_EXACT = frozenset(
    {"time.sleep", "os.system", "os.popen", "subprocess.run", "subprocess.call", "subprocess.check_output",
     "subprocess.check_call", "urllib.request.urlopen", "socket.create_connection", "socket.gethostbyname",
     "socket.getaddrinfo", "sqlite3.connect", "psycopg2.connect", "psycopg.connect", "pymysql.connect",
     "shutil.copyfileobj", "shutil.rmtree", "smtplib.SMTP", "boto3.client", "boto3.resource",
     "pathlib.Path.read_text", "pathlib.Path.read_bytes", "pathlib.Path.write_text", "pathlib.Path.write_bytes",
     "pathlib.Path.open"}
)  # fmt: skip
_ROOTS = frozenset({"requests", "urllib3", "pymongo", "psycopg2", "sqlite3", "MySQLdb", "pymysql", "smtplib", "boto3"})
_SYNC_CLIENTS = (
    "redis.Redis.", "redis.StrictRedis.", "redis.client.Redis.", "valkey.Valkey.", "httpx.Client.", "requests.Session.",
)  # fmt: skip
_HTTPX = frozenset(
    {"httpx.get", "httpx.post", "httpx.put", "httpx.patch", "httpx.delete", "httpx.request", "httpx.stream"}
)
_NOT_CALLS = frozenset(
    {"exceptions", "HTTPError", "Timeout", "RequestException", "ConnectionError", "codes", "cursor", "close"}
)
_AFTER_THE_ANSWER = frozenset({"json", "raise_for_status"})
"""Methods of a response whose body was already read."""


def blocks(seen: Seen) -> bool:
    """Return whether the call waits without yielding to the event loop."""
    name = seen.dotted
    if not name:
        return seen.raw in ("input", "open") and seen.thing is None
    if name.startswith(("requests.", "httpx.")) and name.rpartition(".")[2] in _AFTER_THE_ANSWER:
        return False
    if name.startswith(_SYNC_CLIENTS) or name in _EXACT or name in _HTTPX:
        return True
    root, _, rest = name.partition(".")
    return root in _ROOTS and bool(rest) and _NOT_CALLS.isdisjoint(rest.split(".")) and not rest[:1].isupper()


def _in_coroutines(view: View) -> Iterator[Hit]:
    # a lambda or a nested function may run in a thread: only what stands in the coroutine itself counts
    for _, seen in view.every_call:
        if seen.call.scope.kind != "async":
            continue
        if blocks(seen):
            yield at(seen.call.node, f"{seen.raw}() blocks the event loop: every other request waits for it")
        elif isinstance(seen.thing, Unit) and not seen.thing.is_async and seen.thing.module is view.module:
            inner = _blocking_inside(view, seen.thing, 0)
            if inner:
                yield at(seen.call.node, f"{seen.raw}() calls {inner}(), which blocks the event loop")


def _blocking_inside(view: View, unit: Unit, depth: int) -> str:
    for seen in view.calls(unit):
        if seen.call.scope is not unit.scope:
            continue
        if blocks(seen):
            return seen.raw
        if isinstance(seen.thing, Unit) and not seen.thing.is_async and depth < 4 and seen.thing is not unit:
            inner = _blocking_inside(view, seen.thing, depth + 1)
            if inner:
                return inner
    return ""


RULES = (
    Rule(
        "async.blocking", "async_code", "comprehensive", "high", "A blocking call in async code",
        "The event loop stands still meanwhile: every request of every tenant waits.",
        "Use the async client, or await asyncio.to_thread(…).",
        '''
import time


async def load(tenant: str) -> str:
    time.sleep(1)
    return tenant
''',
        '''
import asyncio


async def load(tenant: str) -> str:
    await asyncio.sleep(1)
    return tenant
''',
        _in_coroutines,
    ),
)  # fmt: skip
