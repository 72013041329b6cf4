"""Locate ``styles/`` and ``templates/``: inside the package when installed, beside it in a checkout."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def asset_dir(name: str) -> Path:
    """Return the path of the directory ``name``.

    Raises:
        FileNotFoundError: the installation is incomplete; the message says how to repair it.
    """
    for candidate in (_PACKAGE / name, _PACKAGE.parent / name):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"{name}/ is missing from the installation; install optimus-tui again")
