"""A sweep's gait: the server's time is never taken beyond its share."""

from optimus_tui.probes.keyspace import AIM_MS, MAX_BUSY_SHARE, MAX_PAUSE_MS, MIN_COUNT, AdaptivePacer


def test_quick_calls_keep_the_count_and_the_pause() -> None:
    pacer = AdaptivePacer(250, 2.0)
    pacer.ping_ms = 0.2
    for _ in range(50):
        pacer.took(0.5)
    assert pacer.count == 250
    assert pacer.pause_seconds == 0.002


def test_slow_calls_shorten_the_count_and_lengthen_the_pause_row_52() -> None:
    pacer = AdaptivePacer(250, 2.0)
    for _ in range(60):
        pacer.took(8.0)
    assert pacer.count == MIN_COUNT
    busy = 8.0 / (8.0 + pacer.pause_seconds * 1000)
    assert busy <= MAX_BUSY_SHARE + 0.001
    for _ in range(100):
        pacer.took(0.2)
    assert pacer.count == 250


def test_the_count_settles_where_a_call_takes_what_it_may_row_52() -> None:
    pacer = AdaptivePacer(250, 2.0)
    for _ in range(300):
        pacer.took(pacer.count * 0.006)
    assert AIM_MS * 0.5 < pacer.count * 0.006 <= AIM_MS * 1.6


def test_a_distant_server_is_not_taken_for_a_slow_one_row_52() -> None:
    pacer = AdaptivePacer(250, 2.0)
    pacer.ping_ms = 200.0
    for _ in range(20):
        pacer.took(200.3)
    assert pacer.count == 250
    assert pacer.pause_seconds < 0.003


def test_our_own_hiccups_are_not_taken_for_the_servers_row_52() -> None:
    pacer = AdaptivePacer(250, 2.0)
    for number in range(60):
        pacer.took(40.0 if number % 3 == 0 else 0.4)
    assert pacer.count == 250
    assert pacer.pause_seconds < 0.003


def test_pauses_stay_bounded_and_a_small_budget_is_not_exceeded() -> None:
    pacer = AdaptivePacer(10, 0.0)
    pacer.took(10_000.0)
    assert pacer.pause_seconds == MAX_PAUSE_MS / 1000
    assert pacer.count == 10
