"""Tests of what is said of the names that a profile reads."""

import pytest

from optimus_tui.contract.keyspace import UnknownLayout
from optimus_tui.contract.reading import Coverage
from optimus_tui.dialects.layout import KeyLayout
from optimus_tui.dialects.load import load_preset
from optimus_tui.index.cache import CacheIndex
from optimus_tui.settings.model import Thresholds
from optimus_tui.verdicts.coherence.keys import judge
from optimus_tui.verdicts.limits.findings import counters_unknown, find_unknown_layout
from optimus_tui.verdicts.limits.words import form_words, names_words


@pytest.mark.parametrize(
    ("preset", "said"),
    [
        ("optimus", "rate_limit:* "),
        ("kong", "ratelimit:* "),
        ("upstash", "@upstash/ratelimit:* "),
        ("fastapi-cache", ""),
    ],
)
def test_the_beginnings_of_a_profiles_counters_are_named(preset: str, said: str) -> None:
    assert names_words(load_preset(preset).limits) == said


def test_many_beginnings_are_named_in_part() -> None:
    words = names_words(load_preset("throttled").limits)
    assert words.endswith((" other kinds of ", " another kind of ", "* "))
    assert len(words) < 180


def test_the_form_of_a_counter_is_named_or_their_number() -> None:
    assert form_words(load_preset("optimus").limits) == "the form rate_limit:tenant:operation"
    assert form_words(load_preset("litellm").limits).endswith("forms that the profile reads")


@pytest.mark.parametrize(("preset", "limits", "cache"), [("optimus", 1, 1), ("kong", 1, 0), ("fastapi-cache", 0, 1)])
def test_keys_that_a_profile_does_not_look_for_are_not_missed(preset: str, limits: int, cache: int) -> None:
    index = CacheIndex(layout=KeyLayout(load_preset(preset)))
    index.begin_sweep()
    index.put_unknown(6, {b"session:": 6})
    complete = Coverage(6, 6, complete=True)
    index.end_sweep(complete)
    report = index.report(0.0)
    assert len(find_unknown_layout(0, report.unknown, complete)) == limits
    assert counters_unknown(0, report.unknown) is bool(limits)
    assert len(judge(report, Thresholds()).findings) == cache


def test_names_of_another_limiter_are_told_although_the_profile_names_no_counters() -> None:
    unknown = UnknownLayout(count=9, shapes=(("LIMITS:LIMITER/…", 9),), reads_limits=False)
    assert find_unknown_layout(0, unknown, Coverage(9, 9, complete=True))[0].severity == "medium"


def test_names_that_are_all_a_limiters_are_one_finding_and_others_two() -> None:
    complete = Coverage(6, 6, complete=True)
    for name, cache in ((b"LIMITS:LIMITER/", 0), (b"session:", 1)):
        index = CacheIndex(layout=KeyLayout(load_preset("optimus")))
        index.begin_sweep()
        index.put_unknown(6, {name: 6})
        index.end_sweep(complete)
        report = index.report(0.0)
        assert len(find_unknown_layout(0, report.unknown, complete)) == 1
        assert len(judge(report, Thresholds()).findings) == cache
