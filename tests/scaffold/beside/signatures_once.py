"""A plugin of pytest for the processes that run generated tests: FastAPI reads each signature once, garbage waits.

Where a test overrides anything, FastAPI reads the signatures of all dependencies again at each request: that took half
of the time of the generated tests. At night they run as a user's do, without this.
"""

import gc
from typing import Any

gc.set_threshold(50_000, 20, 100)  # applications are many small objects: to look through them took a tenth of the time

from fastapi.dependencies import utils  # noqa: E402 - its import makes many of them

_known: dict[object, Any] = {}
_read = utils.get_dependant


def _read_once(**given: Any) -> Any:
    """Return what was read before for the same function at the same path."""
    key = tuple((name, tuple(value) if isinstance(value, list) else value) for name, value in sorted(given.items()))
    if key not in _known:
        _known[key] = _read(**given)
    return _known[key]


utils.get_dependant = _read_once
