"""Decide whose host an address names: this project's, a provider's, or one that the caller chooses."""

import ast
import re

from optimus_tui.patterns.facts.model import Unit
from optimus_tui.patterns.facts.routes import METHODS, Route
from optimus_tui.patterns.source.resolve import Seen
from optimus_tui.patterns.source.view import View
from optimus_tui.patterns.source.vocabulary import HTTP_ROOTS, first_argument, words

_RESERVED = ("example.com", "example.org", "example.net", ".example", ".test", ".invalid")
_INSIDE = frozenset(
    {"local", "localhost", "internal", "intranet", "lan", "corp", "home", "svc", "cluster", "staging", "stage", "stg",
     "dev", "qa", "uat", "preprod", "prod", "sandbox", "private", "consul", "compute"}
)  # fmt: skip
"""Labels of hosts that belong to one deployment."""
_NO_NAMES = frozenset(
    {"app", "api", "src", "backend", "server", "main", "core", "services", "service", "lib", "web", "platform", "apps",
     "packages", "python", "routers", "routes", "router", "endpoints"}
)  # fmt: skip
"""Folders that are not called like their project."""


def is_own(address: str, unit: Unit) -> bool:
    """Return True if this project decides about the address: a machine of its own, a store, or its own public site.

    The fixed public address of a provider belongs to that provider's interface.
    """
    scheme, _, rest = address.partition("://")
    place = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[2].lower()
    host, _, port = place.partition(":")
    if place.startswith("["):
        return True  # an address of IPv6
    labels = host.split(".")
    if not scheme.startswith(("http", "ws", "grpc")) or len(labels) == 1 or labels[-1].isdigit():
        return True
    if port.isdigit() and port not in ("80", "443"):
        return True
    if not _INSIDE.isdisjoint(part for label in labels[:-1] for part in label.split("-")) or labels[-1] in _INSIDE:
        return True
    if host == "example" or host.endswith(_RESERVED):
        return False
    names = set(unit.module.dotted.lower().replace("_", "").split(".")[:2]) - _NO_NAMES
    return labels[-2].replace("-", "") in names


def asks_where_it_is_told(view: View, route: Route) -> bool:
    """Return True if every host that the handler sends requests to is named by the caller."""
    asked = [seen for seen in view.calls(route.handler) if seen.method in METHODS and seen.call.node.args]
    params = {arg.arg for arg, _ in route.handler.params}
    places = [first_argument(seen.call.node) for seen in asked if _is_of_http(seen)]
    return bool(places) and all(isinstance(one, ast.Name) and one.id in params for one in places)


def _is_of_http(seen: Seen) -> bool:
    return seen.dotted.partition(".")[0] in HTTP_ROOTS or not words(seen.raw).isdisjoint(("client", "session", "http"))
