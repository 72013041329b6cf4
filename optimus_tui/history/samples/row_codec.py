"""Encode one set of samples as two byte strings: the series' numbers, ascending, and their values. Pure.

A set is one row, not one row per sample: a day at two seconds stays below the cap with two thousand series, and a write
touches one page. A damaged row is read as an empty one.
"""

import struct
from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping

Row = tuple[int, bytes, bytes]
"""Milliseconds since the epoch, packed series numbers, packed values."""
Samples = list[tuple[float, float]]


def pack(values: Mapping[int, float]) -> tuple[bytes, bytes]:
    """Return series numbers (32 bits) and their values as bytes."""
    ids = sorted(values)
    return struct.pack(f"<{len(ids)}I", *ids), struct.pack(f"<{len(ids)}d", *(values[one] for one in ids))


def unpack(ids: bytes, numbers: bytes) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Return what ``pack`` encoded; nothing where the two do not belong together."""
    count = len(ids) // 4
    if len(ids) != 4 * count or len(numbers) != 8 * count:
        return (), ()
    return struct.unpack(f"<{count}I", ids), struct.unpack(f"<{count}d", numbers)


def pick_one(rows: Iterable[Row], series: int) -> Samples:
    """Return the samples of one series, times in seconds, oldest first. Rows with the same series cost one look-up."""
    samples: Samples = []
    before, place = b"", -1
    for at, ids, numbers in rows:
        if ids != before:
            known = unpack(ids, numbers)[0]
            before, place = ids, bisect_left(known, series)
            if known[place : place + 1] != (series,):
                place = -1
        if place >= 0 and len(numbers) == 2 * len(ids):
            samples.append((at / 1000, struct.unpack_from("<d", numbers, 8 * place)[0]))
    return samples


def pick_many(rows: Iterable[Row], series: Collection[int]) -> dict[int, Samples]:
    """Return the samples of several series."""
    found: dict[int, Samples] = {one: [] for one in series}
    before, targets = b"", list[tuple[int, Samples]]()
    for at, ids, numbers in rows:
        known, values = unpack(ids, numbers)
        if not known:
            continue
        if ids != before:
            before, targets = ids, [(n, found[one]) for n, one in enumerate(known) if one in found]
        seconds = at / 1000
        for place, samples in targets:
            samples.append((seconds, values[place]))
    return found
