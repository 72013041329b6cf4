"""Figure F8 at length: both walks in both modes, and 5,000 keys at random. ``python -m tests.bench.bench_observer``."""

import os
import sys

import pytest

if __name__ == "__main__":
    os.environ |= {"OPTIMUS_WHOLE": "1", "OPTIMUS_MONKEY_KEYS": os.environ.get("OPTIMUS_MONKEY_KEYS", "5000")}
    sys.exit(pytest.main(["-n", "0", "-q", "-o", "faulthandler_timeout=0", "tests/live/test_observer_never_writes.py"]))
