"""Which lines of the package the unit tests run, where ``OPTIMUS_COVERAGE`` is set: ``.ci/run`` prints the figure.

The tests with servers, screens and processes run more of it; measured, they and those that repeat one thing at random
take three times as long.
"""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

CASES = 3
"""Of a test that is tried with many values so many are measured: the others run nearly the same lines."""
_lines = None
_measured = Counter[str]()
if os.environ.get("OPTIMUS_COVERAGE"):
    import coverage

    _lines = coverage.Coverage(data_suffix=True)
    if os.environ.get("PYTEST_XDIST_WORKER", "gw0") == "gw0":  # what is imported runs the same lines in each worker
        _lines.start()  # before the package is imported; until the tests have been collected


@contextmanager
def measuring(item: pytest.Item) -> Iterator[None]:
    """Measure a unit test that is quick, and does not repeat itself with other values."""
    test = item.nodeid.partition("[")[0]
    _measured[test] += 1
    repeats = getattr(getattr(item, "obj", None), "is_hypothesis_test", False) or item.get_closest_marker("unmeasured")
    repeats = repeats or _measured[test] > CASES
    if _lines is None or repeats or not test.startswith("tests/unit/") or item.get_closest_marker("slow"):
        yield
        return
    _lines.start()
    try:
        yield
    finally:
        _lines.stop()


def stop() -> None:
    """Measure no longer: the tests have been collected."""
    if _lines is not None:
        _lines.stop()


def save() -> None:
    """Write what was measured in this process; the process that only hands out tests has nothing."""
    if _lines is not None:
        with suppress(coverage.CoverageException):
            _lines.save()
