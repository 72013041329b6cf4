"""What the cache index costs: microseconds and bytes a key, and the longest step. Run by hand:

python -m tests.bench.bench_index [KEYS]
"""

import gc
import sys
import time

import psutil

from optimus_tui.contract.reading import Coverage
from optimus_tui.index.cache import CacheIndex

PAGE = 250
TENANTS = 50


def names_of(count: int) -> list[bytes]:
    return [b"cache:kind_%d:tenant_%d:%d" % (index % 4, index % TENANTS, index) for index in range(count)]


def sweep(index: CacheIndex, count: int, ttls: bool, mono: float) -> tuple[float, float, float, float]:
    """Seconds for all pages, the longest page, the end and the report."""
    names = names_of(count)
    pttls = [300_000 + index % 7_000_000 for index in range(PAGE)] if ttls else None
    longest, total = 0.0, 0.0
    index.begin_sweep()
    for start in range(0, count, PAGE):
        page = names[start : start + PAGE]
        began = time.perf_counter()
        index.put_page(page, pttls[: len(page)] if pttls else None, None, mono)
        took = time.perf_counter() - began
        total, longest = total + took, max(longest, took)
    began = time.perf_counter()
    index.end_sweep(Coverage(count, count, complete=True))
    ended = time.perf_counter()
    index.report(mono + 10)
    return total, longest, ended - began, time.perf_counter() - ended


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    gc.collect()
    process = psutil.Process()
    before = process.memory_info().rss
    index = CacheIndex()
    print(f"{count:,} keys, {4 * TENANTS} groups at most")
    for label, ttls in (("first, with TTLs", True), ("again, names only", False), ("again, with TTLs", True)):
        total, longest, end, report = sweep(index, count, ttls, time.monotonic())
        print(
            f"{label:18} {total / count * 1e6:5.2f} us/key   longest page {longest * 1e3:5.2f} ms"
            f"   end {end * 1e3:6.2f} ms   report {report * 1e3:6.2f} ms"
        )
    half = names_of(count)[::2]
    index.begin_sweep()
    index.put_page(half, None, None, 1.0)
    began = time.perf_counter()
    index.end_sweep(Coverage(len(half), len(half), complete=True))
    print(f"half of the keys vanish: end {1e3 * (time.perf_counter() - began):.1f} ms")
    del half
    sweep(index, count, True, 5.0)
    gc.collect()
    print(f"memory {(process.memory_info().rss - before) / count:.0f} bytes a key (RSS)")


if __name__ == "__main__":
    main()
