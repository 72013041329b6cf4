"""What the tests of other libraries share: the library or a skip, a client, and what our reader says of its keys."""

import importlib
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest

from optimus_tui.contract.keyspace import Counter, LimitRules
from optimus_tui.dialects.layout import KeyLayout
from optimus_tui.dialects.load import load_preset
from optimus_tui.probes.counters import read_counters
from optimus_tui.probes.load_meter import LoadMeter
from optimus_tui.probes.redis.observer import observer_client
from optimus_tui.settings.model import RedisTarget
from tests.realserver import RealServer

HERE = "OPTIMUS_PEERS"
"""Set where the libraries must be there: .ci/run sets it in their environment."""
TEN_A_MINUTE = LimitRules(window_seconds=60, default=10)
"""What a team writes under ``[limits]`` for limiters whose names do not say it."""


def library(name: str) -> Any:
    """Return a module of a library; skip the test where it is not installed, and fail it where it must be."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        if os.environ.get(HERE):
            pytest.fail(f"{name} is not installed, and {HERE} asks for it: {error}")
        pytest.skip(f"{name} is not installed: pip install -e '.[peers]' in an environment of its own")


class Ours(NamedTuple):
    """What we say of one counter: used of limit, what is left, and the seconds until it resets."""

    tenant: str
    operation: str
    used: int | None
    limit: int | None
    resets: float | None
    counter: Counter

    @property
    def left(self) -> int:
        """Return what is left by our figures."""
        assert self.used is not None and self.limit is not None
        return max(0, self.limit - self.used)


async def ours(server: RealServer, preset: str, names: Sequence[bytes] = ()) -> dict[tuple[str, str], Ours]:
    """Return what we read of all counters by a preset, by tenant and operation.

    Args:
        server: where they are.
        preset: how they are read.
        names: only these; empty for all names of the server.
    """
    layout = KeyLayout(load_preset(preset))
    own = LoadMeter()
    client = observer_client(RedisTarget(host="127.0.0.1", port=server.port), own, layout)
    try:
        seen = [name for name in names or keys(server) if layout.parse(name).family == "limit"]
        rows = await read_counters(client, own, own.clock, seen, TEN_A_MINUTE)
    finally:
        await client.aclose()
    found = {}
    for row in rows:
        if not isinstance(row, Counter):
            continue
        used = row.count
        limit = row.limit if row.limit is not None else 10
        if used is None and row.left is not None:
            used = limit - row.left
        resets = None if row.resets_mono is None else row.resets_mono - row.taken_mono
        one = Ours(row.tenant.decode(), row.operation.decode(), used, limit, resets, row)
        assert (one.tenant, one.operation) not in found, "two counters of one name"
        found[one.tenant, one.operation] = one
    return found


def keys(server: RealServer) -> list[bytes]:
    """Return all names that are in the server."""
    redis = library("redis")
    client = redis.Redis(port=server.port)
    try:
        return sorted(client.scan_iter(count=1000))
    finally:
        client.close()


def near(ours: float | None, theirs: float, seconds: float = 1.5) -> bool:
    """Return whether our reset is the library's; both are rounded, to seconds at the worst."""
    return ours is not None and abs(ours - theirs) <= seconds
