"""The history file: what is put in comes out, whatever happens to the file, the disk, the clock and the process."""

# ruff: noqa: ASYNC220, ASYNC240 - files and processes are what is tested here
import asyncio
import multiprocessing
import os
import resource
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from optimus_tui.clock import Clock
from optimus_tui.history.samples.file import APPLICATION, HistoryFile
from optimus_tui.history.samples.store import Store, history_path, system_of
from optimus_tui.settings.model import RedisTarget, Settings
from tests.patience import PATIENCE

NOW = 1_795_000_000.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history" / "default.sqlite"


async def filled(path: Path, count: int = 10, **more: object) -> Store:
    store = Store(path, **more)  # type: ignore[arg-type]
    for number in range(count):
        store.put(NOW + 2 * number, {"latency.redis": number, "http_requests_total|tenant=acme": 10 * number})
    await store.names()
    return store


async def test_samples_come_back_in_order_and_only_those_of_the_window(path: Path) -> None:
    store = await filled(path)
    assert await store.series("latency.redis", NOW + 2, NOW + 6) == [(NOW + 2, 1.0), (NOW + 4, 2.0), (NOW + 6, 3.0)]
    found = await store.many(["latency.redis", "http_requests_total|tenant=acme", "nobody"], NOW, NOW + 2)
    assert found["http_requests_total|tenant=acme"] == [(NOW, 0.0), (NOW + 2, 10.0)]
    assert found["nobody"] == []
    assert await store.names("http") == ["http_requests_total|tenant=acme"]
    assert (store.fault, store.saved, store.waiting, store.lost) == (None, 10, 0, 0)
    await store.close()
    await store.close()


async def test_the_file_is_private_and_somebody_who_only_reads_makes_none(path: Path) -> None:
    reader = Store(path)
    assert await reader.series("latency.redis", 0, NOW) == [] and await reader.recall("standup") is None
    assert not path.exists()
    await reader.close()
    await (await filled(path)).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_what_is_no_finite_number_is_left_out_and_names_may_hold_anything(path: Path) -> None:
    store = Store(path)
    names = ["a\0b", "cache.kind.\udcff\udcfe", "ü|x=\ud800", "'; DROP TABLE plain; --"]
    store.put(NOW, {**dict.fromkeys(names, 1.0), "nan": float("nan"), "inf": float("inf"), "": 1.0, "x" * 5000: 1.0})
    store.put(float("nan"), {"a": 1.0})
    assert await store.names() == sorted(names)
    assert [len(one) for one in (await store.many(names, 0, NOW)).values()] == [1, 1, 1, 1]
    await store.close()


async def test_two_processes_that_fill_the_same_moment_fill_one_set(path: Path) -> None:
    first, second = Store(path), Store(path)
    first.put(NOW, {"a": 1.0, "t|x=1": 1.0})
    await first.names()
    second.put(NOW, {"b": 2.0, "t|x=2": 2.0})
    await second.names()
    found = await first.many(["a", "b", "t|x=1", "t|x=2"], NOW, NOW)
    assert {name: samples[0][1] for name, samples in found.items()} == {"a": 1.0, "b": 2.0, "t|x=1": 1.0, "t|x=2": 2.0}
    await first.close()
    await second.close()


async def test_another_system_in_the_same_environment_sees_nothing_of_ours(path: Path) -> None:
    mine, other = Store(path, "mine"), Store(path, "other")
    mine.put(NOW, {"a": 1.0})
    assert await mine.remember("standup", b"mine")
    other.put(NOW, {"a": 9.0})
    assert await other.series("a", NOW, NOW) == [(NOW, 9.0)]
    assert await mine.series("a", NOW, NOW) == [(NOW, 1.0)]
    assert (await other.recall("standup"), await mine.recall("standup")) == (None, b"mine")
    with pytest.raises(ValueError, match="1,000,000"):
        await mine.remember("standup", b"x" * 1_000_001)
    await mine.close()
    await other.close()
    near = Settings(redis=RedisTarget(host="127.0.0.1"), gateway_url="http://127.0.0.1:8020")
    assert system_of(near) == system_of(Settings())
    assert system_of(near) != system_of(Settings(redis=RedisTarget(port=6380)))
    assert history_path(near).name == "default.sqlite"


GARBAGE: dict[str, Callable[[Path], object]] = {
    "text": lambda path: path.write_bytes(b"this is no database\n" * 200),
    "a torn header": lambda path: path.write_bytes(path.read_bytes()[:50] + b"\0" * 4000),
    "half a file": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 + 700]),
    "noise in every page": lambda path: path.write_bytes(
        b"".join(path.read_bytes()[at : at + 100] + b"\xa5" * 3996 for at in range(0, path.stat().st_size, 4096))
    ),
    "somebody else's": lambda path: (
        path.unlink(),
        sqlite3.connect(path).execute("CREATE TABLE t(a)").connection.close(),
    ),
}


@pytest.mark.parametrize("spoil", GARBAGE.values(), ids=GARBAGE)
async def test_a_damaged_file_is_set_aside_and_a_new_one_begun_row_107(
    path: Path, spoil: Callable[[Path], object]
) -> None:
    await (await filled(path, 200)).close()
    spoil(path)
    spoilt = path.read_bytes()
    store = Store(path)
    for _ in range(3):
        store.put(NOW + 1000, {"latency.redis": 5.0})
    assert await store.series("latency.redis", NOW + 1000, NOW + 1000) == [(NOW + 1000, 5.0)]
    assert store.fault is not None and store.fault.kind == "invalid" and "damaged" in store.fault.message
    assert (store.waiting, store.lost) == (0, 0)
    await store.close()
    (aside,) = [one for one in path.parent.glob("*.damaged-*") if one.name[-4:] not in ("-wal", "-shm")]
    assert aside.read_bytes() == spoilt and str(aside) in store.fault.message


async def test_damage_that_shows_while_running_costs_what_was_there_and_nothing_more(path: Path) -> None:
    store = await filled(path, 200)
    other = await filled(path, 1)
    await other.close()
    GARBAGE["text"](path)
    Path(f"{path}-wal").unlink(missing_ok=True)
    store._looked_at = float("-inf")
    for number in range(20):
        store.put(NOW + 2000 + number, {"latency.redis": 1.0})
        await store.names()
    assert (await store.series("latency.redis", NOW + 2000, NOW + 3000))[-1] == (NOW + 2019, 1.0)
    await store.close()


async def test_an_empty_file_is_simply_filled(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    store = await filled(path)
    assert store.fault is None and len(await store.series("latency.redis", NOW, NOW + 100)) == 10
    assert not list(path.parent.glob("*.damaged*"))
    await store.close()


async def test_only_the_newest_two_damaged_files_are_kept(path: Path) -> None:
    for number in range(4):
        await (await filled(path, 1)).close()
        path.write_bytes(b"no database %d" % number * 100)
        store = Store(path)
        store.put(NOW, {"a": 1.0})
        await store.names()
        await store.close()
        for aside in path.parent.glob("*.damaged-*"):
            if aside.name.endswith(f"-{os.getpid()}"):
                aside.rename(aside.with_name(aside.name + f".{number}"))
    assert len(list(path.parent.glob("*.damaged-*"))) <= 3


async def test_a_file_of_a_newer_version_is_left_alone_and_samples_stay_in_memory(path: Path) -> None:
    await (await filled(path)).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version=99")
    db.close()
    before = path.read_bytes()
    store = Store(path)
    store.put(NOW + 100, {"latency.redis": 7.0})
    assert await store.series("latency.redis", NOW, NOW + 100) == [(NOW + 100, 7.0)]
    assert await store.ready() is not None
    assert store.fault is not None and "newer version" in store.fault.message
    assert store.waiting == 1 and path.read_bytes() == before
    await store.close()


@pytest.mark.parametrize("what", ["directory", "fifo", "symlink", "/dev/full"])
async def test_what_is_no_plain_file_is_not_touched(path: Path, what: str) -> None:
    path.parent.mkdir()
    if what == "directory":
        path.mkdir()
    elif what == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/full" if what == "/dev/full" else path.parent / "elsewhere")
    store = Store(path)
    store.put(NOW, {"a": 1.0})
    assert await store.series("a", NOW, NOW) == [(NOW, 1.0)]
    assert store.fault is not None and store.waiting == 1
    await store.close()
    assert not (path.parent / "elsewhere").exists()


async def test_the_disk_full_keeps_samples_in_memory_and_takes_them_later_row_106(path: Path) -> None:
    store = await filled(path, 3, retry_seconds=0.0)

    def limit(pages: str) -> Callable[[HistoryFile], object]:
        return lambda file: file.db.execute(f"PRAGMA max_page_count={pages}").fetchone()

    pages = await store._ask(lambda file: file.db.execute("PRAGMA page_count").fetchone()[0])
    await store._ask(limit(str(pages)))
    for number in range(3, 40):
        store.put(NOW + 2 * number, {f"series{n}": n for n in range(100)})
    await store.names("a")
    assert store.fault is not None and store.fault.kind == "busy" and "full" in store.fault.message
    assert store.waiting > 0 and store.lost == 0
    assert len(await store.series("series7", NOW, NOW + 1000)) == 37
    await store._ask(limit("100000"))
    store.put(NOW + 100, {"latency.redis": 1.0})
    assert len(await store.series("series7", NOW, NOW + 1000)) == 37
    assert (store.fault, store.waiting, store.saved) == (None, 0, 41)
    await store.close()


async def test_what_waits_is_bounded_and_the_loss_is_counted(path: Path) -> None:
    path.mkdir(parents=True)
    store = Store(path, max_waiting=5)
    for number in range(12):
        store.put(NOW + number, {"a": number})
    assert [value for _, value in await store.series("a", NOW, NOW + 100)] == [7.0, 8.0, 9.0, 10.0, 11.0]
    assert (store.waiting, store.lost) == (5, 7)
    await store.close()


FULL = """
    import asyncio, resource, sys
    from pathlib import Path
    from optimus_tui.history.samples.store import Store
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
    async def main():
        store = Store(Path(sys.argv[1]))
        for number in range(400):
            store.put(1_795_000_000.0 + number, {f"n{n}": float(n) for n in range(50)})
        found = await store.series("n7", 0, 2e9)
        print(len(found), store.fault.kind if store.fault else None, store.lost, store.waiting > 0)
        await store.close()
    asyncio.run(main())
"""


def run_python(code: str, *words: str, **more: object) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *words],
        capture_output=True, text=True, timeout=60, check=False, **more,  # type: ignore[call-overload]
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


async def test_a_file_that_cannot_grow_loses_nothing_and_stays_whole_row_106(path: Path) -> None:
    path.parent.mkdir()
    assert run_python(FULL, str(path)).split() == ["400", "busy", "0", "True"]
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()


READ_ONLY = """
    import asyncio, os, sys
    from pathlib import Path
    from optimus_tui.history.samples.store import Store
    import concurrent.futures.thread
    async def main():
        store = Store(Path(sys.argv[1]))
        if os.geteuid() == 0:
            os.setgroups([]); os.setgid(65534); os.setuid(65534)
        store.put(1_795_000_500.0, {"latency.redis": 7.0})
        found = await store.series("latency.redis", 0, 2e9)
        print(len(found), found[-1][1], store.fault.kind, await store.remember("k", b"v"), store.waiting)
        await store.close()
    asyncio.run(main())
"""


@pytest.mark.parametrize("side_files", [False, True])
async def test_a_read_only_file_is_read_and_samples_stay_in_memory(side_files: bool) -> None:
    place = tempfile.TemporaryDirectory()  # pytest's own directories are closed to other users
    path = Path(place.name) / "default.sqlite"
    store = await filled(path)
    if not side_files:
        await store.close()
    for one in path.parent.iterdir():
        one.chmod(0o444)
    path.parent.chmod(0o555)
    try:
        said = run_python(READ_ONLY, str(path)).split()
    finally:
        path.parent.chmod(0o700)
        await store.close()
        place.cleanup()
    assert said == ["11", "7.0", "denied", "False", "1"]


def write_for_a_while(path: Path, name: str, count: int, told: "multiprocessing.Queue[tuple[int, int]]") -> None:
    async def main() -> None:
        store = Store(path)
        for number in range(count):
            store.put(NOW + number / 10, {name: float(number), f"x|w={name}": float(number)})
            if number % 20 == 0:
                await store.names("nobody")
        await store.close()
        told.put((store.saved, store.lost + store.waiting))

    asyncio.run(main())


async def test_several_processes_write_at_once_and_nothing_is_lost(path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    told: multiprocessing.Queue[tuple[int, int]] = spawn.Queue()
    names = [f"writer{n}" for n in range(3)]
    writers = [spawn.Process(target=write_for_a_while, args=(path, name, 150, told)) for name in names]
    for writer in writers:
        writer.start()
    for writer in writers:
        await asyncio.to_thread(writer.join, 60)
    assert [told.get(timeout=PATIENCE) for _ in writers] == [(150, 0)] * 3
    store = Store(path)
    found = await store.many([*names, *(f"x|w={name}" for name in names)], NOW, NOW + 1000)
    assert {name: len(samples) for name, samples in found.items()} == dict.fromkeys(found, 150)
    assert store.fault is None
    await store.close()


KILLED = """
    import asyncio, sys
    from pathlib import Path
    from optimus_tui.history.samples.store import Store
    async def main():
        store, number = Store(Path(sys.argv[1])), 0
        while True:
            store.put(1_795_000_000.0 + number, {f"n{n}": float(number) for n in range(200)})
            await store.names("nobody")
            print(store.saved, flush=True)
            number += 1
    asyncio.run(main())
"""


async def test_kill_9_in_mid_write_loses_no_set_that_was_saved(path: Path) -> None:
    path.parent.mkdir()
    saved = 0
    for round_ in range(4):
        path.unlink(missing_ok=True)
        for side in ("-wal", "-shm"):
            Path(f"{path}{side}").unlink(missing_ok=True)
        child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(KILLED), str(path)], stdout=subprocess.PIPE)
        assert child.stdout is not None
        for _ in range(20 + 17 * round_):
            saved = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
        saved = max([saved, *(int(line) for line in child.stdout.read().split())])
        child.wait()
        child.stdout.close()
        store = Store(path)
        assert len(await store.series("n7", NOW, NOW + 10_000)) >= saved
        store.put(NOW + 20_000, {"n7": 1.0})
        assert (await store.series("n7", NOW + 20_000, NOW + 20_000), store.fault) == ([(NOW + 20_000, 1.0)], None)
        await store.close()


async def test_a_clock_that_goes_back_cuts_the_history_there(path: Path) -> None:
    """Raw counters of two timelines in one would look like resets."""
    store = await filled(path, 200)
    store.put(NOW + 100, {"latency.redis": -1.0})
    samples = await store.series("latency.redis", 0, NOW + 10_000)
    assert samples[-1] == (NOW + 100, -1.0) and [at for at, _ in samples] == sorted(at for at, _ in samples)
    assert len(samples) == 51
    await store.close()


async def test_a_clock_that_leaps_far_and_returns_costs_nothing_of_the_history(path: Path) -> None:
    store = await filled(path, 200)
    for leap in (10 * 365 * 86_400.0, -10 * 365 * 86_400.0):
        for second in range(0, 100, 2):
            store.put(NOW + leap + second, {"latency.redis": 9.0})
    for second in range(400, 700, 2):
        store.put(NOW + second, {"latency.redis": 1.0})
    samples = await store.series("latency.redis", 0, NOW + 2e9)
    assert [at for at, _ in samples] == [NOW + 2 * n for n in range(350)]
    await store.close()


async def test_what_is_older_than_a_day_goes(path: Path) -> None:
    store = await filled(path, 100, retention_s=300.0)
    for second in range(200, 1000, 2):
        store.put(NOW + second, {"latency.redis": 1.0})
    oldest = (await store.series("latency.redis", 0, NOW + 1000))[0][0]
    assert NOW + 998 - 300 - 62 <= oldest <= NOW + 998 - 300 + 2
    await store.close()


async def test_the_file_stays_below_its_cap_and_keeps_the_newest(path: Path) -> None:
    store = Store(path, max_bytes=1_000_000)
    for number in range(1500):
        store.put(NOW + 2 * number, {f"n{n}|x=": float(n) for n in range(100)})
        if number % 200 == 0:
            await store.names("nobody")
    samples = await store.series("n7|x=", 0, NOW + 10_000)
    assert store.fault is None and (store.lost, store.waiting) == (0, 0)
    assert samples[-1][0] == NOW + 2998 and 300 < len(samples) < 1500
    assert await store.used_bytes() <= 1_000_000 and path.stat().st_size <= 1_000_000
    await store.close()


async def test_a_file_that_somebody_removed_is_begun_anew(path: Path) -> None:
    store = await filled(path)
    for one in path.parent.iterdir():
        one.unlink()
    store._looked_at = float("-inf")
    store.put(NOW + 100, {"latency.redis": 3.0})
    assert await store.series("latency.redis", NOW, NOW + 100) == [(NOW + 100, 3.0)]
    assert path.exists() and store.fault is None
    await store.close()


async def test_a_locked_file_makes_nobody_wait_who_only_hands_over(path: Path) -> None:
    store = await filled(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store.put(NOW + 100, {"latency.redis": 1.0})
    assert store.fault is None, "the file was waited for, and given up"
    assert len(await store.series("latency.redis", NOW, NOW + 100)) == 11
    assert store.fault is not None and "locked" in store.fault.message
    other.execute("ROLLBACK")
    other.close()
    await store.close()
    assert store.saved == 11


async def test_more_names_than_fit_are_left_out_and_counted(path: Path) -> None:
    file_path = path
    file_path.parent.mkdir()
    file = HistoryFile(file_path, "", Clock(), retention_s=86_400, max_bytes=10_000_000, max_names=10)
    file.write([(NOW, {f"n{n}": 1.0 for n in range(15)})])
    assert len(file.names("")) == 10 and file.left_out == 5
    assert file.db.execute("PRAGMA application_id").fetchone() == (APPLICATION,)
    file.close()


async def test_a_bug_in_the_writer_is_said_and_does_not_end_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = await filled(path)
    file = store._file
    assert file is not None
    real = file.write
    monkeypatch.setattr(file, "write", lambda sets: 1 / 0)
    store.put(NOW + 50, {"a": 1.0})
    await store.names("nobody")
    assert store.fault is not None and store.fault.kind == "bug" and "ZeroDivisionError" in store.fault.message
    monkeypatch.setattr(file, "write", real)
    store.put(NOW + 52, {"a": 1.0})
    assert len(await store.series("a", NOW, NOW + 100)) == 2
    await store.close()


def test_the_limit_of_the_process_is_what_it_was() -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 60_000
