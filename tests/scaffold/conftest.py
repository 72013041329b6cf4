"""What the tests of the generator share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def types_known(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where mypy keeps what it read of FastAPI, Pydantic and Redis, for all workers: that takes most of its time.

    ``.ci/run`` names the place where it checked the package, and so read them already.
    """
    if (kept := os.environ.get("MYPY_CACHE_DIR")) is not None:
        return Path(kept)
    place = tmp_path_factory.getbasetemp()
    return (place.parent if "popen" in place.name else place) / "types"
