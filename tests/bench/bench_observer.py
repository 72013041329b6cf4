"""Figure F8 at length: both walks in both modes, and 5,000 keys at random. ``python -m tests.bench.bench_observer``."""

import os
import sys

import pytest

KEYS = "5000"

if __name__ == "__main__":
    os.environ |= {"OPTIMUS_WHOLE_WALK": "1", "OPTIMUS_MONKEY_KEYS": os.environ.get("OPTIMUS_MONKEY_KEYS", KEYS)}
    sys.exit(pytest.main(["-n", "0", "-q", "tests/live/test_observer_never_writes.py"]))
