"""Timeouts: every wait has a limit. httpx has one of its own (5 s) unless it is switched off."""

import ast
from collections.abc import Iterator

from optimus_tui.patterns.facts.collect import GUARDED
from optimus_tui.patterns.rule import Hit, Rule, at
from optimus_tui.patterns.source.calls import Seen
from optimus_tui.patterns.source.names import HTTP_VERBS
from optimus_tui.patterns.source.view import View


def _endless(view: View) -> Iterator[Hit]:
    if not view.roots.isdisjoint(("httpx", "requests", "aiohttp", "urllib")):
        for _, seen in view.every_call:
            if not seen.call.flags & GUARDED and _has_none(seen):
                yield at(seen.call.node, f"{seen.raw}() waits without a time limit")


def _has_none(seen: Seen) -> bool:
    given = next((word.value for word in seen.call.node.keywords if word.arg == "timeout"), None)
    switched_off = isinstance(given, ast.Constant) and given.value is None
    name = seen.dotted
    root, method = name.partition(".")[0], name.rpartition(".")[2]
    if root == "httpx":
        return switched_off
    if given is not None:
        return switched_off and root in ("requests", "aiohttp", "urllib")
    if any(word.arg is None for word in seen.call.node.keywords):
        return False
    if name == "urllib.request.urlopen":
        return len(seen.call.node.args) < 3
    if root == "requests":
        return method in HTTP_VERBS and (name.count(".") == 1 or ".Session." in name)
    return _makes_session(seen)


def _makes_session(seen: Seen) -> bool:
    return seen.dotted.rpartition(".")[2] == "ClientSession" and seen.dotted.startswith("aiohttp")


RULES = (
    Rule(
        "timeouts.missing", "timeouts", "comprehensive", "high", "A request without a time limit",
        "A hung upstream holds the request, its connection and its memory until the process is restarted.",
        "Pass a timeout (seconds) to the client or the request, or wait inside asyncio.timeout(…).",
        '''
import requests


def load(tenant: str) -> dict:
    return requests.get(engine_url(), headers={"X-Tenant-ID": tenant}).json()
''',
        '''
import requests


def load(tenant: str) -> dict:
    return requests.get(engine_url(), headers={"X-Tenant-ID": tenant}, timeout=2).json()
''',
        _endless,
    ),
)  # fmt: skip
