"""Whether a health check's own words say that the service is sick. Pure.

It refuses to judge words that it does not know, and what a service says about its parts: only its own verdict counts.
"""

from typing import Any

from optimus_tui.contract.services import Sickness
from optimus_tui.wording.safe import safe_text

VERDICTS = ("status", "state", "health")
FLAGS = ("ok", "healthy")
SICK = frozenset(("down", "fail", "failed", "error", "unhealthy", "critical"))
DEGRADED = frozenset(("degraded", "warn"))


def sickness_of(document: dict[str, Any]) -> tuple[Sickness, str] | None:
    """Return how sick a 200's JSON object says its service is, and the words that say so; None: not that we know.

    The verdict may stand one level deeper, as in ``{"health": {"status": "DOWN"}}``. The worst of several counts.
    """
    found = _said(document, "")
    for name in VERDICTS:
        inner = document.get(name)
        if isinstance(inner, dict):
            found += _said(inner, f"{name}.")
    return min(found, key=lambda one: one[0] != "sick", default=None)


def _said(document: dict[str, Any], path: str) -> list[tuple[Sickness, str]]:
    found: list[tuple[Sickness, str]] = []
    for name in VERDICTS:
        word = document.get(name)
        if not isinstance(word, str):
            continue
        plain = word.strip().lower()
        if plain in SICK:
            found.append(("sick", f'"{path}{name}": "{safe_text(word.strip(), 40)}"'))
        elif plain in DEGRADED:
            found.append(("degraded", f'"{path}{name}": "{safe_text(word.strip(), 40)}"'))
    found += [("sick", f'"{path}{name}": false') for name in FLAGS if document.get(name) is False]
    return found
