"""Import modules without the optional packages that they would load and that this program has no use for.

httpx imports its own command line, with Rich and Pygments, wherever these happen to be installed; redis imports
OpenTelemetry. That was a fifth of the time of a short command.
"""

import sys
from collections.abc import Iterable
from importlib import import_module

UNUSED = ("httpx._main", "opentelemetry")
"""Imported only if they can be: both libraries work without."""


def load(names: Iterable[str]) -> None:
    """Import modules without the packages that they do not need here; what is imported already stays as it is."""
    left_out = [name for name in UNUSED if name not in sys.modules]
    sys.modules.update(dict.fromkeys(left_out))  # type: ignore[arg-type]  # None: no such module
    try:
        for name in names:
            import_module(name)
    finally:
        for name in left_out:
            if sys.modules.get(name, name) is None:
                del sys.modules[name]
