"""The ten-minute ring: bounded, honest percentiles, charts that do not shimmer."""

from optimus_tui.contract.percentiles import percentile
from optimus_tui.history.samples.store import MAX_SAMPLES, Ring


def test_an_empty_ring_has_no_percentiles() -> None:
    assert Ring().series(10.0).p95 is None
    assert Ring().series(10.0).samples == 0


def test_percentiles_are_nearest_rank() -> None:
    values = [float(n) for n in range(1, 101)]
    assert (percentile(values, 0.5), percentile(values, 0.95), percentile(values, 1.0)) == (50.0, 95.0, 100.0)
    assert percentile([7.0], 0.5) == 7.0
    assert percentile([float(n) for n in range(1, 20)], 0.95) is None, "of fewer than 20 it is only the slowest"
    assert percentile([float(n) for n in range(1, 21)], 0.95) == 19.0


def test_what_is_older_than_ten_minutes_is_gone_even_without_new_samples() -> None:
    ring = Ring()
    ring.put(0.0, 900.0)
    ring.put(500.0, 10.0)
    assert ring.series(600.0).few == (10.0, 900.0)
    assert ring.series(601.0).few == (10.0,)
    assert ring.series(2000.0).samples == 0


def test_fewer_than_twenty_samples_are_handed_on_themselves_and_have_no_p95() -> None:
    ring = Ring()
    for n in range(19):
        ring.put(float(n), float(19 - n))
    assert (ring.series(19.0).p95, ring.series(19.0).p50) == (None, 10.0)
    assert ring.series(19.0).few == tuple(float(n) for n in range(1, 20))
    ring.put(19.0, 20.0)
    assert (ring.series(19.0).p95, ring.series(19.0).few) == (19.0, ())


def test_few_samples_are_shown_one_by_one_and_many_stay_within_the_points() -> None:
    ring = Ring()
    for second in range(30):
        ring.put(float(second), float(second))
    assert ring.series(30.0).values == tuple(float(n) for n in range(30))
    for second in range(30, 600):
        ring.put(float(second), 1.0)
    assert len(ring.series(600.0, points=40).values) <= 40
    assert ring.series(600.0).samples == 600


def test_a_spike_survives_the_chart_and_a_share_is_averaged() -> None:
    spike, share = Ring(), Ring(combine="mean")
    for second in range(600):
        spike.put(float(second), 900.0 if second == 300 else 1.0)
        share.put(float(second), 0.5)
    assert max(spike.series(600.0).values) == 900.0
    assert set(share.series(600.0).values) == {0.5}


def test_points_do_not_shimmer_from_one_picture_to_the_next() -> None:
    ring = Ring()
    for second in range(500):
        ring.put(float(second), float(second * 7919 % 101))
    before = ring.series(499.5).values
    ring.put(500.0, 0.0)
    after = ring.series(500.5).values
    assert after[: len(before) - 1] == before[:-1] or after[: len(before) - 1] == before[1:]


def test_a_ring_is_bounded_however_fast_it_is_fed_row_22() -> None:
    ring = Ring()
    for n in range(MAX_SAMPLES * 2):
        ring.put(n / 1000, 1.0)
    assert ring.series(MAX_SAMPLES * 2 / 1000).samples == MAX_SAMPLES


def test_a_series_tells_its_newest_single_samples_but_none_older_than_two_minutes() -> None:
    ring = Ring()
    for n in range(100):
        ring.put(n * 2.0, float(n))
    assert ring.series(198.0).latest == tuple(float(n) for n in range(85, 100))
    assert ring.series(198.0 + 110).latest == (94.0, 95.0, 96.0, 97.0, 98.0, 99.0)
    assert ring.series(198.0 + 121).latest == ()
