"""What the tests of the generator share."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def types_known(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where mypy keeps what it read of FastAPI, Pydantic and Redis, for all workers: that takes most of its time."""
    place = tmp_path_factory.getbasetemp()
    return (place.parent if "popen" in place.name else place) / "types"
