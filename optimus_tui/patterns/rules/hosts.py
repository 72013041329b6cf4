"""Addresses: a service's address comes from the environment, not from the source."""

import ast
import re
from collections.abc import Iterator

from optimus_tui.patterns.facts.model import Unit
from optimus_tui.patterns.rule import Hit, Rule, at
from optimus_tui.patterns.source.names import HTTP_VERBS, chain, text_of, words
from optimus_tui.patterns.source.view import View

_ADDRESS = re.compile(
    r"^(https?|rediss?|wss?|postgres(ql)?(\+\w+)?|mysql(\+\w+)?|mongodb(\+srv)?|amqps?|grpc)://[^/\s{]"
)
_NAMED = frozenset(
    {"url", "uri", "host", "endpoint", "base", "server", "dsn", "upstream", "engine", "address", "origin", "target"}
)
_TAKES = HTTP_VERBS | {
    "from_url",
    "connect",
    "AsyncClient",
    "Client",
    "create_engine",
    "create_async_engine",
    "ClientSession",
    "urlopen",
    "websocket_connect",
    "Redis",
    "open_connection",
    "fetch",
    "call",
}
_SETTINGS = frozenset(
    {"getenv", "get", "environ", "Field", "config", "env", "setting", "Header", "Query", "getattr", "AnyUrl"}
)
_CLIENTS = frozenset({"client", "pool", "producer", "consumer", "connection", "channel"})
_PLACES = frozenset({"localhost"})


def _written(view: View) -> Iterator[Hit]:
    for unit in view.own_units:
        if "host" in unit.keywords or any("://" in text for _, text in unit.strings):
            yield from _in_unit(view, unit)


def _in_unit(view: View, unit: Unit) -> Iterator[Hit]:
    addresses = {id(node): node for node, text in unit.strings if _ADDRESS.match(text)}
    if _is_settings(unit):
        return
    excused: set[int] = set()
    accused: dict[int, ast.Constant] = {}
    for seen in view.calls(unit):
        node = seen.call.node
        given = [*node.args, *(word.value for word in node.keywords)]
        if seen.method in _SETTINGS and ("environ" in seen.raw or seen.method not in HTTP_VERBS):
            excused |= {id(one) for each in given for one in ast.walk(each)}
        elif seen.method in _TAKES or words(seen.method) & _CLIENTS:
            for each in given:
                for one in ast.walk(each) if isinstance(each, (ast.BinOp, ast.JoinedStr, ast.Constant)) else ():
                    if id(one) in addresses:
                        accused[id(one)] = addresses[id(one)]
            for word in node.keywords:
                host = None
                if word.arg == "host" and isinstance(word.value, ast.Constant):
                    host = text_of(word.value)
                if host is not None and ("." in host or host in _PLACES) and isinstance(word.value, ast.Constant):
                    accused[id(word.value)] = word.value
    for name, value in _assigned(unit):
        text = text_of(value)
        if text and _ADDRESS.match(text) and not words(name).isdisjoint(_NAMED):
            for one in ast.walk(value):
                if id(one) in addresses:
                    accused[id(one)] = addresses[id(one)]
    for key, found in accused.items():
        if key not in excused:
            yield at(found, f"The address {str(found.value)[:60]!r} is written into the source")


def _is_settings(unit: Unit) -> bool:
    owner = unit.owner
    if owner is None:
        return False
    bases = " ".join(chain(one) for one in owner.bases)
    return "Settings" in bases or "Config" in owner.name


def _assigned(unit: Unit) -> Iterator[tuple[str, ast.expr]]:
    for node in ast.walk(unit.node) if unit.name else getattr(unit.node, "body", []):
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and isinstance(node.value, (ast.Constant, ast.JoinedStr)):
            if isinstance(node, ast.Assign):
                target = node.targets[0]
            else:
                target = node.target
            yield chain(target), node.value


RULES = (
    Rule(
        "config.hardcoded_host", "configuration", "comprehensive", "medium", "An address in the source",
        "The same code cannot run in a test, in staging and in production; moving a service needs a release.",
        "Take it from the settings: services.get_service_url(\"ai_engine\"), or os.environ.",
        '''
ENGINE_URL = "http://10.0.0.7:8010"
''',
        '''
ENGINE_URL = os.environ["AI_ENGINE_URL"]
''',
        _written,
    ),
)  # fmt: skip
