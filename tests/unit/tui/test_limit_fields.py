"""Every field of what is read about limits is judged or shown: changed alone, it changes a verdict, row or document."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from rich.cells import cell_len

from optimus_tui.contract.cluster import NODE_AWAY
from optimus_tui.contract.keyspace import Counter, LimitRow, LimitRules, Track, UnparsedNames
from optimus_tui.contract.reading import Coverage
from optimus_tui.settings.model import Thresholds
from optimus_tui.tools.pages.report_sections import limit_section
from optimus_tui.tui.actions.offers import counter_offers
from optimus_tui.tui.panes.limits import lines as limit_lines
from optimus_tui.tui.panes.limits.table import TABLE, LimitNow
from optimus_tui.verdicts.limits.judge import judge

COUNTER = Counter(
    key=b"rate_limit:acme:chat", tenant=b"acme", operation=b"chat", count=60, ttl_ms=30_000, taken_mono=1000.0
)
RULES = LimitRules(window_seconds=60, limits={"chat": 100})
TRACK = Track(tuple((1000.0 - 2 * n, 60 - 4 * n) for n in range(10, -1, -1)))

COUNTER_CHANGES: dict[str, dict[str, Any]] = {
    "key": {"key": b"rate_limit:acme:other"},
    "tenant": {"tenant": b"globex"},
    "operation": {"operation": b"upload"},
    "count": {"count": 100},
    "ttl_ms": {"ttl_ms": 86_400_000},
    "immortal": {"immortal": True, "ttl_ms": None},
    "problem": {"problem": "a list", "count": None},
    "foreign": {"foreign": True, "problem": "-3: x", "count": None},
    "sliding": {"sliding": True},
    "doubt": {"doubt": "its name has one part only"},
    "taken_mono": {"taken_mono": 990.0},
    "limit": {"limit": 70},
    "window_seconds": {"window_seconds": 10.0},
    "left": {"left": 3, "count": None},
    "left_least": {"left_least": True, "left": 3, "count": None},
    "lacks": {"lacks": "window", "count": None, "problem": "its window is not known"},
    "resets_ms": {"resets_ms": 5_000},
    "ttl_is_reset": {"ttl_is_reset": False},
    "no_ttl": {"no_ttl": "heals", "ttl_ms": None},
    "blocked": {"blocked": True},
    "counts_refused": {"counts_refused": False, "count": 100},
}
FOLLOWED = {"identity", "starts"}
"""What only tells which counter goes on in the next window: ``tests/unit/index/test_limit_index.py``."""
RULE_CHANGES: dict[str, dict[str, Any]] = {
    "window_seconds": {"window_seconds": 10},
    "limits": {"limits": {"chat": 70}},
    "tenants": {"tenants": {"acme": {"chat": 50}}},
    "windows": {"windows": {"chat": 10}},
    "keys": {"keys": {"rate_limit:acme:chat": 70}},
    "default": {"default": 55, "limits": {}},
    "source": {"source": "configured"},
    "problem": {"problem": "limits.x 0 is not a limit"},
    "aliases": {"aliases": {"acme": "the acme team"}},
}
ROW_CHANGES: dict[str, Any] = {
    "counter": replace(COUNTER, count=61),
    "state": "near",
    "limit": 77,
    "share": 0.91,
    "slope": 9.0,
    "rough": True,
    "refused_in": 7.0,
    "refused_latest": 19.0,
    "resets_mono": 1009.0,
    "window_seconds": 10.0,
    "alias": "the acme team",
}


def seen(counter: Counter = COUNTER, rules: LimitRules = RULES, track: Track = TRACK) -> str:
    """Everything that a person or a program is told about this counter."""
    report = judge(
        [counter], tracks={counter.key: track}, rules=rules, thresholds=Thresholds(), coverage=Coverage(1, 1, True)
    )
    row = report.rows[0]
    return repr((report.findings, shown(row), limit_lines.detail_lines(row, report, 300, 1001.0), counter_offers(row)))


def shown(row: LimitRow) -> Any:
    drawn = TABLE.row(LimitNow(row, 1001.0), 140)
    return drawn, msgspec.json.encode(limit_section(row.counter, row)), dict(limit_lines.LimitFields(row, 1001.0))


@pytest.mark.parametrize("name", [name for name in Counter.__struct_fields__ if name not in FOLLOWED])
def test_each_field_of_a_counter_is_judged_or_shown(name: str) -> None:
    change = COUNTER_CHANGES[name]
    plain = replace(COUNTER, **{key: value for key, value in change.items() if key != name})
    assert seen(replace(plain, **{name: change[name]})) != seen(plain)


@pytest.mark.parametrize("name", LimitRules.__struct_fields__)
def test_each_field_of_the_rules_is_judged_or_shown(name: str) -> None:
    change = RULE_CHANGES[name]
    plain = replace(RULES, **{key: value for key, value in change.items() if key != name})
    assert seen(rules=replace(plain, **{name: change[name]})) != seen(rules=plain)


@pytest.mark.parametrize("name", LimitRow.__struct_fields__)
def test_each_field_of_a_row_is_shown(name: str) -> None:
    row = LimitRow(
        counter=COUNTER, state="ok", limit=100, share=0.6, slope=2.0, refused_in=15.0, refused_latest=25.0,
        resets_mono=1030.0,
    )  # fmt: skip
    report = judge([COUNTER], tracks={}, rules=RULES, thresholds=Thresholds(), coverage=Coverage(1, 1, True))
    told = [
        (shown(one), limit_lines.detail_lines(one, report, 300, 1001.0))
        for one in (row, replace(row, **{name: ROW_CHANGES[name]}))
    ]
    assert told[0] != told[1]


@pytest.mark.parametrize("change", [{"samples": ()}, {"renewed": True}])
def test_each_field_of_a_track_is_used(change: dict[str, Any]) -> None:
    short = Track(((1000.0, 60),))
    assert seen(track=replace(TRACK if "samples" in change else short, **change)) != seen(
        track=TRACK if "samples" in change else short
    )


def test_each_field_of_the_odd_names_is_shown() -> None:
    assert set(UnparsedNames.__struct_fields__) == {"count", "shown", "shapes"}
    report = judge([], tracks={}, rules=RULES, thresholds=Thresholds(limit_keys=10), coverage=Coverage(1, 1, True))
    many = replace(report, unparsed=UnparsedNames(20, 4))
    assert "16 of 10" in "".join(text for text, _ in limit_lines.total_pieces(many, 10, 80))


@pytest.mark.parametrize("width", [60, 78, 80, 100, 138])
@pytest.mark.parametrize("tenant", [b"acme", b"26106051b4432cbc52ec6980352d54c0966f197deedc0ebd99468143eb2f4639"])
def test_an_alias_takes_the_room_of_the_name_and_moves_no_column(tenant: bytes, width: int) -> None:
    row = LimitRow(counter=replace(COUNTER, tenant=tenant), state="ok", limit=100, share=0.6)
    aliases = ("", "night-batch", "a name 世界 of more cells than there are in a column of tenants")
    rows = [TABLE.row(LimitNow(replace(row, alias=alias), 1001.0), width) for alias in aliases]
    assert len({cell_len("".join(text for text, _ in pieces)) for pieces in rows}) == 1


def test_a_state_that_is_not_known_is_null_in_documents() -> None:
    away = replace(COUNTER, count=None, ttl_ms=None, problem=NODE_AWAY)
    (row,) = judge([away], tracks={}, rules=RULES, thresholds=Thresholds(), coverage=Coverage(1, 1, complete=True)).rows
    section = limit_section(row.counter, row)
    assert (row.state, section.state, section.error) == ("unknown", None, NODE_AWAY)
