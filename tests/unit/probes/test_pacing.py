"""The pace of a scan: short calls, and no more of the server's time than the share that is free."""

import pytest

from optimus_tui.probes.pacing import (
    AIM_MS,
    BUSY_SHARE,
    MAX_PAUSE_MS,
    MIN_COUNT,
    QUIET_SHARE,
    SHARED_SHARE,
    AdaptivePacer,
    OthersLoad,
    main_thread_seconds,
    pacer_for,
)
from optimus_tui.settings.model import ScanBudget


def test_quick_calls_keep_the_count_and_the_pause() -> None:
    pacer = AdaptivePacer(250, 2.0)
    for _ in range(50):
        pacer.took(0.3)
    assert pacer.count == 250
    assert pacer.pause_seconds == 0.002


def test_slow_calls_shorten_the_count_and_lengthen_the_pause_row_52() -> None:
    pacer = AdaptivePacer(250, 2.0)
    for _ in range(60):
        pacer.took(8.0)
    assert pacer.count == MIN_COUNT
    busy = 8.0 / (8.0 + pacer.pause_seconds * 1000)
    assert busy <= QUIET_SHARE + 0.001
    for _ in range(100):
        pacer.took(0.2)
    assert pacer.count == 250


def test_the_count_settles_where_a_call_takes_what_it_may_row_52() -> None:
    pacer = AdaptivePacer(250, 2.0)
    for _ in range(100):
        pacer.took(pacer.count * 0.006)
    assert AIM_MS * 0.9 < pacer.count * 0.006 <= AIM_MS


def test_a_server_that_got_no_cpu_for_a_moment_is_not_taken_for_a_slow_one_row_52() -> None:
    pacer = AdaptivePacer(250, 2.0)
    for number in range(60):
        pacer.took(40.0 if number % 3 == 0 else 0.4)
    assert pacer.count >= 200
    assert pacer.pause_seconds < 0.003


def test_pauses_stay_bounded_and_a_small_budget_is_not_exceeded() -> None:
    pacer = AdaptivePacer(10, 0.0)
    pacer.took(10_000.0)
    assert pacer.pause_seconds == MAX_PAUSE_MS / 1000
    assert pacer.count == 10


def test_the_fast_budget_leaves_no_pause_and_asks_for_more_at_once() -> None:
    usual, fast = pacer_for(ScanBudget(), 250), pacer_for(ScanBudget(budget="fast"), 250)
    for pacer in (usual, fast):
        for _ in range(60):
            pacer.took(pacer.count * 0.004)
    assert (usual.pause_seconds > 0, fast.pause_seconds) == (True, 0.0)
    assert usual.count < fast.count < 1000


@pytest.mark.parametrize(("others", "share"), [(0.05, QUIET_SHARE), (0.4, SHARED_SHARE), (0.9, BUSY_SHARE)])
def test_the_share_falls_with_what_the_server_does_for_others(others: float, share: float) -> None:
    load = OthersLoad(100.0, 1000.0)
    load.add(200.0)
    assert load.ceiling(QUIET_SHARE) == QUIET_SHARE, "nothing is known yet"
    load.look(100.0 + others + 0.2, 1001.0)
    assert load.share == pytest.approx(others)
    assert load.ceiling(QUIET_SHARE) == share


@pytest.mark.parametrize(
    ("info", "seconds"),
    [
        (
            b"used_cpu_user_main_thread:1.5\r\nused_cpu_sys_main_thread:0.5\r\nused_cpu_user:9\r\nused_cpu_sys:9\r\n",
            2.0,
        ),
        (b"used_cpu_sys:0.25\r\nused_cpu_user:0.75\r\n", 1.0),
        (b"used_cpu_sys:nan\r\nused_cpu_user:0.75\r\n", None),
        (b"", None),
        (Exception("NOPERM"), None),
    ],
)
def test_the_main_threads_time_is_read_or_unknown(info: object, seconds: float | None) -> None:
    assert main_thread_seconds(info) == seconds
