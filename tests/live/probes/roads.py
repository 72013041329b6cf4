"""Programs of Debian for the tests of connections."""

import os
import shutil

import pytest


def program(name: str) -> str:
    """The path of a Debian program; without it the test is skipped here and fails in CI."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if found is None and os.environ.get("CI"):
        pytest.fail(f"no {name} on this machine")
    if found is None:
        pytest.skip(f"no {name} on this machine")
    return found
