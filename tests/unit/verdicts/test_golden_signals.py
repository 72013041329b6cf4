"""The golden signals: one population and one span, and what a source does not say is unknown with why."""

from typing import Any

import pytest

from optimus_tui.contract.reading import Fault
from optimus_tui.contract.services import DURATIONS, REFUSED, REQUESTS, Counted, Increase, Quantiles, Spread
from optimus_tui.contract.signals import SIGNALS, SPEND, TOKENS
from optimus_tui.history.samples.processes import spread
from optimus_tui.tui.panes.health.signals import usage_words
from optimus_tui.verdicts.gateway.signals import golden_signals, with_usage

TIMED = Spread(count=400, mean=0.1, p50=0.08, p95=0.3, p99=0.45, p95_edges=(0.25, 0.5))


def grown(name: str, *series: tuple[dict[str, str], float], minutes: float = 1.5, **more: Any) -> Increase:
    counted = tuple(Counted(labels=labels, increase=increase) for labels, increase in series)
    return Increase(name=name, series=counted, covered_minutes=minutes, source="history", **more)


def timed(minutes: float = 1.5, **groups: Spread) -> Quantiles:
    found = {name if name != "all" else "": spread for name, spread in groups.items()}
    return Quantiles(name=DURATIONS, groups=found, covered_minutes=minutes, source="history")


ASKED = grown(
    REQUESTS,
    ({"tenant": "acme", "status": "200", "route": "/a"}, 80),
    ({"tenant": "acme", "status": "503", "route": "/a"}, 10),
    ({"tenant": "beta", "status": "200", "route": "/a"}, 270),
    ({"tenant": "beta", "status": "429", "route": "/a"}, 90),
)
TURNED_AWAY = grown(REFUSED, ({"tenant": "beta", "operation": "chat"}, 90))


def test_all_four_are_of_the_same_requests_and_the_same_span() -> None:
    signals = golden_signals(ASKED, TURNED_AWAY, timed(all=TIMED), timed(acme=TIMED))
    assert signals.seconds == 90
    assert signals.total.per_second == 5
    assert signals.total.failing_share == pytest.approx(10 / 450)
    assert (signals.total.refused_per_second, signals.total.refused_share) == (1, 0.2)
    assert signals.total.p95_words == "≈ 300 ms"
    assert signals.total.why == {}


def test_each_tenant_has_its_own_figures_the_busiest_first() -> None:
    signals = golden_signals(ASKED, TURNED_AWAY, timed(all=TIMED), timed(acme=TIMED, beta=TIMED))
    assert list(signals.tenants) == ["beta", "acme"]
    acme, beta = signals.tenants["acme"], signals.of_tenant(b"beta")
    assert beta is not None
    assert (acme.per_second, acme.failing_share, acme.refused_per_second) == (1, pytest.approx(1 / 9), 0)
    assert (beta.per_second, beta.refused_share) == (4, 0.25)
    assert signals.of_tenant(b"gamma") is None
    assert signals.refused_by == {("beta", "chat"): 1}


def test_tenants_beyond_the_most_are_counted() -> None:
    many = grown(REQUESTS, *(({"tenant": f"t{at:02}", "status": "200"}, 100 - at) for at in range(20)))
    signals = golden_signals(many, TURNED_AWAY, timed(), timed(), most=5)
    assert list(signals.tenants) == ["t00", "t01", "t02", "t03", "t04"]
    assert signals.more_tenants == 15


def test_no_percentile_of_fewer_than_twenty_requests() -> None:
    few = Spread(count=19, mean=0.1, p50=0.1, p95=0.3, p99=0.4)
    signals = golden_signals(ASKED, TURNED_AWAY, timed(all=few), timed(acme=few))
    for one in (signals.total, signals.tenants["acme"]):
        assert (one.p95_words, one.p95_ms) == ("", None)
        assert one.why["p95"] == "19 requests timed, 20 are needed"


@pytest.mark.parametrize(
    ("requests", "why"), [(1.0, "1 request timed, 20 are needed"), (19.0, "19 requests timed, 20 are needed")]
)
def test_a_histogram_of_few_requests_has_no_p95_and_says_how_many_were_timed(requests: float, why: str) -> None:
    buckets = [Counted(labels={"le": edge}, increase=requests) for edge in ("0.5", "+Inf")]
    few = spread(buckets, requests, requests * 0.1)
    assert few.p95 is None
    signals = golden_signals(ASKED, TURNED_AWAY, timed(all=few), timed(acme=few))
    assert (signals.total.why["p95"], signals.tenants["acme"].why["p95"]) == (why, why)
    assert signals.tenants["beta"].why["p95"] == "no request was timed"


def test_a_bucket_too_wide_gives_a_bound_and_no_point_of_a_chart() -> None:
    wide = Spread(count=400, mean=0.1, p50=0.1, p95=20.0, p99=20.0, p95_edges=(10.0, float("inf")))
    signals = golden_signals(ASKED, TURNED_AWAY, timed(all=wide), timed())
    assert (signals.total.p95_words, signals.total.value("p95")) == ("over 10 s", None)


def test_without_a_counter_all_four_are_unknown_and_say_why() -> None:
    absent = Increase(name=REQUESTS, fault=Fault("refused", "connection refused"))
    signals = golden_signals(absent, absent, timed(0), timed(0))
    assert signals.total.why == dict.fromkeys(SIGNALS, "connection refused")
    assert all(signals.total.value(name) is None for name in SIGNALS)
    assert signals.refused_by is None


def test_a_counter_without_status_or_tenant_says_what_is_unknown() -> None:
    bare = grown(REQUESTS, ({}, 450))
    signals = golden_signals(bare, Increase(name=REFUSED), timed(all=TIMED), timed(all=TIMED))
    assert signals.total.per_second == 5
    assert signals.total.failing_share is None
    assert "no status label" in signals.total.why["failing"]
    assert "no rate_limit_refused_total" in signals.total.why["refused"]
    assert signals.tenants == {}
    assert "by tenant" in signals.tenants_why


def test_a_histogram_without_tenants_times_no_tenant() -> None:
    signals = golden_signals(ASKED, TURNED_AWAY, timed(all=TIMED), timed(all=TIMED))
    assert signals.tenants["acme"].p95_words == ""
    assert signals.tenants["acme"].why["p95"] == "the gateway does not time requests by tenant"


def test_refusals_without_an_operation_are_unknown_by_counter_but_none_at_all_is_none() -> None:
    vague = grown(REFUSED, ({"tenant": "beta"}, 90))
    assert golden_signals(ASKED, vague, timed(), timed()).refused_by is None
    assert golden_signals(ASKED, grown(REFUSED), timed(), timed()).refused_by == {}
    of_nobody = golden_signals(ASKED, grown(REFUSED, ({"operation": "chat"}, 90)), timed(), timed())
    assert of_nobody.tenants["acme"].refused_per_second is None
    assert of_nobody.tenants["acme"].why["refused"] == "refusals are not counted by tenant"


def test_no_request_has_no_share() -> None:
    signals = golden_signals(grown(REQUESTS), grown(REFUSED), timed(), timed())
    assert (signals.total.per_second, signals.total.failing_share) == (0, None)
    assert signals.total.why["failing"] == "no request came"
    assert signals.total.refused_share is None


def test_what_was_lost_with_a_process_makes_the_numbers_at_least() -> None:
    lost = grown(REQUESTS, ({"tenant": "acme", "status": "200"}, 90), lower_bound=True)
    assert golden_signals(lost, TURNED_AWAY, timed(), timed()).total.lower_bound


def test_tokens_and_money_are_of_each_tenant_and_unknown_where_the_gateway_does_not_count_them() -> None:
    signals = golden_signals(ASKED, TURNED_AWAY, timed(all=TIMED), timed(acme=TIMED))
    tokens = grown(TOKENS, ({"tenant": "acme"}, 1_800), ({}, 900))
    used = with_usage(signals, [grown(TOKENS, ({}, 1), minutes=0.4), tokens, grown(SPEND, ({}, 0.09))])
    assert (used.total.tokens_per_second, used.total.spend_per_second) == (30, pytest.approx(0.001))
    assert [used.tenants[name].tokens_per_second for name in ("acme", "beta")] == [20, 0]
    assert {one.spend_per_second for one in used.tenants.values()} == {None}, "it is not counted by tenant"
    assert usage_words(used.total) == "1,800 tokens/min, spend 3.60/h"

    unread = Increase(name=TOKENS, fault=Fault("timeout", "no answer"))
    live = Increase(name=SPEND, series=(Counted(labels={}, increase=5),), covered_minutes=1.5, source="live")
    unknown = with_usage(signals, [unread, live, grown(TOKENS, ({}, 1), minutes=0.4)])
    assert (unknown.total.tokens_per_second, unknown.total.spend_per_second) == (None, None), "another span, too"
    assert usage_words(unknown.total) == ""
