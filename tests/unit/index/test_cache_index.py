"""The cache index: what sweeps tell it, nothing forgotten on hearsay, tenants' keys told apart."""

import random
from collections.abc import Collection
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from optimus_tui.contract.keyspace import CacheReport
from optimus_tui.contract.reading import Coverage
from optimus_tui.dialects.layout import KeyLayout, ParsedKey, own_layout
from optimus_tui.dialects.load import load_preset, load_table
from optimus_tui.index.cache import NEVER, UNKNOWN, UNPARSED_KIND, CacheIndex
from optimus_tui.index.groups import MOST_IN_LEAF, MOST_PENDING
from tests.amounts import amount

COMPLETE = Coverage(0, 0, complete=True)
INCOMPLETE = Coverage(0, None, complete=False, reason="server restarted (run_id changed)")
A, B = b"cache:conv:a:1", b"cache:conv:b:1"


def swept(
    index: CacheIndex,
    names: list[bytes],
    pttls: list[int] | None = None,
    sizes: list[int | None] | None = None,
    coverage: Coverage = COMPLETE,
    mono: float = 100.0,
) -> CacheReport:
    index.begin_sweep()
    index.put_page(names, pttls, sizes, mono)
    index.end_sweep(coverage)
    return index.report(mono)


def test_keys_are_grouped_by_kind_and_tenant_the_larger_first() -> None:
    report = swept(
        CacheIndex(), [A, B, b"cache:conv:b:2", b"cache:profile:a:1", b"cache_coherence:x", b"rate_limit:a:b"]
    )
    assert [(kind.totals.kind, kind.totals.keys) for kind in report.kinds] == [(b"conv", 3), (b"profile", 1)]
    assert [(one.tenant, one.keys) for one in report.kinds[0].tenants] == [(b"b", 2), (b"a", 1)]
    assert (report.keys, report.coherence_keys) == (4, 1)


def test_a_name_that_comes_twice_counts_once_row_21() -> None:
    index = CacheIndex()
    index.begin_sweep()
    index.put_page([A, A, B], [1000, 2000, -1], None, 100.0)
    index.put_page([A], [3000], None, 100.0)
    index.end_sweep(COMPLETE)
    assert index.report().keys == 2
    assert index.expires_ms(b"conv", b"a", A) == 103_000


def test_no_ttl_a_vanished_key_and_an_unasked_one_stay_apart_row_19() -> None:
    index = CacheIndex()
    report = swept(index, [A, B, b"cache:conv:c:1", b"cache:conv:d:1"], [-1, -2, -3, 68 * 365 * 86_400_000])
    assert index.expires_ms(b"conv", b"a", A) == NEVER
    assert index.names(b"conv", b"b") == []
    assert index.expires_ms(b"conv", b"c", b"cache:conv:c:1") == UNKNOWN
    assert report.kinds[0].totals.without_ttl == 1
    assert report.kinds[0].totals.histogram == (0, 0, 0, 0, 0, 0, 1)


def test_only_a_complete_sweep_forgets_row_34() -> None:
    index = CacheIndex()
    swept(index, [A, B])
    assert swept(index, [A], coverage=INCOMPLETE).keys == 2
    report = swept(index, [A])
    assert report.keys == 1
    assert index.names(b"conv", b"b") == []
    assert [one.tenant for one in report.kinds[0].tenants] == [b"a"]


def test_during_the_scan_after_an_incomplete_one_no_name_counts_twice() -> None:
    index, names = CacheIndex(), [b"cache:conv:t1:%d" % number for number in range(3)]
    for found, counted in ((names, 3), (names, 3), ([*names, b"cache:conv:t1:3"], 4)):
        index.begin_sweep(ttls=False)
        index.put_page(found, None, None, 1.0)
        assert index.report(1.0).keys == counted
        index.end_sweep(INCOMPLETE)
        assert index.report(1.0).keys == counted


def test_an_incomplete_sweep_keeps_the_time_of_the_last_complete_one_row_34() -> None:
    index = CacheIndex()
    swept(index, [A])
    index.begin_sweep()
    index.end_sweep(INCOMPLETE)
    report = index.report()
    assert report.coverage.reason == "server restarted (run_id changed)"


def test_names_without_ttls_keep_the_ttls_known_before() -> None:
    index = CacheIndex()
    swept(index, [A, B], [60_000, -1])
    report = swept(index, [A, B], None, mono=105.0)
    assert index.expires_ms(b"conv", b"a", A) == 160_000
    assert report.kinds[0].totals.without_ttl == 1


def test_a_key_that_gains_or_loses_its_ttl_changes_the_count_row_19() -> None:
    index = CacheIndex()
    assert swept(index, [A], [-1]).kinds[0].totals.without_ttl == 1
    assert swept(index, [A], [5000]).kinds[0].totals.without_ttl == 0
    assert swept(index, [A], [-1]).kinds[0].totals.without_ttl == 1
    assert swept(index, [B]).keys == 1


def test_a_key_that_never_expires_vanishes_with_its_count_row_20() -> None:
    index = CacheIndex()
    swept(index, [A, B], [-1, -1])
    report = swept(index, [A, B], [-2, -1])
    assert report.kinds[0].totals.without_ttl == 1
    assert report.keys == 1


def test_the_version_grows_only_when_keys_come_or_go() -> None:
    index = CacheIndex()
    first = swept(index, [A, B]).version
    assert swept(index, [B, A], [1, 2]).version == first
    assert swept(index, [A]).version > first


def test_sizes_are_an_estimate_until_every_key_was_measured() -> None:
    index, four = CacheIndex(), [b"cache:conv:a:%d" % one for one in range(4)]
    totals = swept(index, four, [1] * 4, [100, None, 300, None]).kinds[0].totals
    assert (totals.bytes_used, totals.bytes_exact) == (800, False)
    totals = swept(index, four, [1] * 4, [100, 100, 300, 300]).kinds[0].totals
    assert (totals.bytes_used, totals.bytes_exact) == (800, True)
    assert swept(CacheIndex(), four).kinds[0].totals.bytes_used is None


def test_tenants_of_which_no_key_was_measured_count_with_the_mean_of_the_others() -> None:
    names = [b"cache:conv:a:1", *(b"cache:conv:b:%d" % one for one in range(3))]
    totals = swept(CacheIndex(), names, [1] * 4, [272, None, None, None]).kinds[0].totals
    assert (totals.bytes_used, totals.bytes_exact) == (4 * 272, False)


def test_the_histogram_ages_with_the_clock() -> None:
    index = CacheIndex()
    first = swept(index, [A, B], [9_000, 61_000], mono=100.0)
    assert first.kinds[0].totals.histogram == (1, 0, 1, 0, 0, 0, 0)
    assert index.report(130.0).kinds[0].totals.histogram == (1, 1, 0, 0, 0, 0, 0)


def test_unparsed_names_are_a_group_without_a_tenant_row_14() -> None:
    index = CacheIndex()
    report = swept(index, [b"cache:", b"cache::x:y", b"cache:k:t:", A])
    assert {kind.totals.kind: kind.totals.keys for kind in report.kinds} == {UNPARSED_KIND: 3, b"conv": 1}
    assert index.names(b"k", b"t") == []


def test_a_tenant_with_colons_that_becomes_known_takes_its_keys_row_24() -> None:
    index = CacheIndex()
    mine, other = b"cache:conv:acme:eu:1", b"cache:conv:acme:1"
    before = swept(index, [mine, other], [-1, 5000]).version
    assert set(index.names(b"conv", b"acme")) == {mine, other}
    index.know_tenants([b"acme:eu", b"acme"])
    assert index.names(b"conv", b"acme:eu") == [mine]
    assert index.names(b"conv", b"acme") == [other]
    assert index.version > before
    assert index.expires_ms(b"conv", b"acme:eu", mine) == NEVER
    assert swept(index, [mine, other, b"cache:conv:acme:eu:2"], [-1, 1, 1]).keys == 3
    assert len(index.names(b"conv", b"acme:eu")) == 2


def test_regrouping_in_the_middle_of_a_sweep_loses_no_key_row_24() -> None:
    index = CacheIndex()
    one, two = b"cache:conv:acme:eu:1", b"cache:conv:acme:eu:2"
    swept(index, [one, two])
    index.begin_sweep()
    index.put_page([one], None, None, 100.0)
    index.know_tenants([b"acme:eu"])
    index.put_page([two], None, None, 100.0)
    index.end_sweep(COMPLETE)
    assert sorted(index.names(b"conv", b"acme:eu")) == [one, two]
    index.begin_sweep()
    index.put_page([two], None, None, 100.0)
    index.end_sweep(COMPLETE)
    assert index.names(b"conv", b"acme:eu") == [two]


def test_a_large_group_is_kept_in_parts_and_loses_nothing() -> None:
    index, count = CacheIndex(), 3 * MOST_IN_LEAF
    names = [b"cache:conv:a:%06d" % ((one * 7919) % count) for one in range(count)]
    index.begin_sweep()
    for start in range(0, count, 500):
        page = names[start : start + 500]
        index.put_page(page, [60_000] * len(page), None, 100.0)
    steps = sum(1 for _ in index.end_steps(COMPLETE))
    assert steps >= 3, "others run in between"
    leaves = index.leaves(b"conv", b"a")
    assert max(len(part) for part, _ in leaves) <= MOST_IN_LEAF
    assert index.names(b"conv", b"a") == sorted(set(names))
    assert index.report().keys == count
    gone = swept(index, names[: count // 2], coverage=COMPLETE)
    assert gone.keys == count // 2
    assert index.names(b"conv", b"a") == sorted(names[: count // 2])


def test_beyond_the_bound_a_sample_is_kept_and_totals_are_estimates() -> None:
    index = CacheIndex(max_keys=1_000)
    names = [b"cache:conv:%s:%05d" % (b"a" if one % 4 else b"b", one) for one in range(4_000)]
    pttls = [-1 if one % 10 == 1 else 60_000 for one in range(4_000)]
    for again in range(3):
        index.begin_sweep()
        for start in range(0, 4_000, 100):
            index.put_page(names[start : start + 100], pttls[start : start + 100], None, 100.0)
            if not again:
                assert index.report(100.0).keys == start + 100, "what is not kept counts as soon as it is met"
        index.end_sweep(COMPLETE)
        (kind,) = index.report(100.0).kinds
        assert (kind.totals.keys, kind.totals.sampled) == (4_000, True), again
        assert {one.tenant: one.keys for one in kind.tenants} == {b"a": 3_000, b"b": 1_000}
        kept = {tenant: len(index.names(b"conv", tenant)) for tenant in (b"a", b"b")}
        assert 500 <= sum(kept.values()) <= 1_000
        assert 0.2 < kept[b"b"] / sum(kept.values()) < 0.3, "of each tenant the same share"
        assert 300 < kind.totals.without_ttl < 500
        assert abs(sum(kind.totals.histogram) + kind.totals.without_ttl - 4_000) < 10
    fewer = swept(index, names[:900], pttls[:900])
    assert (fewer.keys, fewer.kinds[0].totals.sampled) == (900, True), "the share grows again with the next scans"
    for _ in range(3):
        fewer = swept(index, names[:900], pttls[:900])
    assert (fewer.keys, fewer.kinds[0].totals.sampled) == (900, False)
    assert index.names(b"conv", b"b") == [one for one in names[:900] if b":b:" in one]


PARTS = st.lists(st.sampled_from([b"cache", b":", b":", b"a", b"b", b"k", b"*", b"\xff"]), max_size=9).map(b"".join)


@settings(max_examples=amount(100, 300))
@given(st.lists(PARTS.map(lambda tail: b"cache:" + tail), max_size=30), st.sets(PARTS, max_size=3), st.randoms())
def test_every_key_is_in_the_group_that_the_grammar_names(
    names: list[bytes], tenants: set[bytes], rng: random.Random
) -> None:
    index = CacheIndex()
    half = rng.randrange(len(names) + 1)
    index.begin_sweep()
    index.put_page(names[:half], None, None, 1.0)
    index.know_tenants(tenants)
    index.put_page(names[half:], None, None, 1.0)
    index.end_sweep(COMPLETE)
    expected: dict[tuple[bytes, bytes], set[bytes]] = {}
    for name in names:
        parsed = own_layout().parse(name, tenants)
        expected.setdefault((parsed.kind, parsed.tenant), set()).add(name)
    report = index.report(1.0)
    assert report.keys == len(set(names))
    for kind in report.kinds:
        for one in kind.tenants:
            assert one.tenant is not None
            assert set(index.names(kind.totals.kind, one.tenant)) == expected.pop((kind.totals.kind, one.tenant))
    assert not expected


@settings(max_examples=amount(66, 200))
@given(st.lists(st.lists(st.tuples(st.integers(0, 12), st.integers(-3, 3)), max_size=20), min_size=1, max_size=5))
def test_counts_kept_along_the_way_equal_counts_made_afresh(sweeps: list[list[tuple[int, int]]]) -> None:
    index = CacheIndex()
    for pages in sweeps:
        names = [b"cache:k:t%d:%d" % (one % 2, one) for one, _ in pages]
        report = swept(index, names, [pttl for _, pttl in pages])
        kept = [entry for tenant in (b"t0", b"t1") for entry in index.entries(b"k", tenant)]
        assert report.keys == len(kept)
        assert sum(kind.totals.without_ttl for kind in report.kinds) == sum(expiry == NEVER for _, expiry in kept)
        assert {name for name, _ in kept} <= set(names)


HOSTILE = [
    head + tail
    for head in (b"cache:k:t:", b"cache:k:t", b"cache:k:tt:", b"cache:", b"cache:\xff:\xff:", b"cache:k\n:t:")
    for tail in (b"1", b"12", b"\n", b"\n\n1", b"1\n1", b"\xff", b"\xff\xff", b"\0", b":", b"")
]
ITEM = st.tuples(st.sampled_from(HOSTILE), st.integers(-2, 3))


@settings(max_examples=amount(50, 400))
@given(
    st.lists(
        st.tuples(st.booleans(), st.lists(st.tuples(st.booleans(), st.lists(ITEM, max_size=30)), max_size=4)),
        min_size=1,
        max_size=4,
    )
)
def test_scans_leave_what_a_dictionary_would_hold(scans: list[tuple[bool, list[tuple[bool, list[Any]]]]]) -> None:
    """Whatever the names hold, however often they come, and whether a page was sorted in before the next one."""
    index, known = CacheIndex(), dict[bytes, int]()
    for reads_ttls, pages in scans:
        index.begin_sweep(reads_ttls)
        seen: set[bytes] = set()
        for looked_at, page in pages:
            pttls = [pttl for _, pttl in page] if reads_ttls else None
            index.put_page([name for name, _ in page], pttls, None, 100.0)
            for name, pttl in page:
                if not reads_ttls:
                    known.setdefault(name, UNKNOWN)
                elif pttl == -2:
                    known.pop(name, None)
                else:
                    known[name] = NEVER if pttl == -1 else 100_000 + pttl
                seen.add(name)
            if looked_at:
                for one in (one for kind in index.report(100.0).kinds for one in kind.tenants):
                    index.names(one.kind, one.tenant or b"")
        index.end_sweep(COMPLETE)
        known = {name: expiry for name, expiry in known.items() if name in seen}
        kinds = index.report(100.0).kinds
        found = [
            entry for kind in kinds for one in kind.tenants for entry in index.entries(one.kind, one.tenant or b"")
        ]
        assert sorted(found) == sorted((name, at) for name, at in known.items())
        assert sum(kind.totals.without_ttl for kind in kinds) == sum(at == NEVER for _, at in found)


def test_names_of_several_rules_are_in_the_groups_that_the_rules_name() -> None:
    """Also where one rule's names begin as another's do, and beginnings of one length are of different rules."""
    rules = [
        {"key": "cache:a:b:special:{tenant}:{rest...}", "kind": "special"},
        {"key": "cache:{kind}:{tenant}:{rest...}"},
        {"key": "app:{tenant}:{rest...}", "kind": "app"},
    ]
    layout = KeyLayout(load_table({"cache": rules}, "a test"))
    heads = (b"cache:x:y:", b"cache:a:b:", b"cache:a:b:special:t:", b"app:tenant:", b"app:b:", b"cache:long:tenant:")
    names = [head + b"%d" % at for at in range(50) for head in heads]
    index = CacheIndex(layout=layout)
    for _ in range(2):
        index.begin_sweep()
        for start in range(0, len(names), 30):
            index.put_page(names[start : start + 30], [1000] * 30, None, 100.0)
        index.end_sweep(COMPLETE)
    for name in names:
        parsed = layout.parse(name)
        assert name in index.names(parsed.kind, parsed.tenant), name
    assert index.report().keys == len(names)


def test_a_name_that_a_scan_meets_in_several_pages_counts_once() -> None:
    """Its leaf is put in order between them, and the last page counts."""
    index, names = CacheIndex(), [b"cache:conv:a:%06d" % at for at in range(3 * MOST_PENDING)]
    index.begin_sweep()
    for start in range(0, len(names), 500):
        again = names[max(0, start - 700) : start + 500]
        index.put_page(again, [1000 + start] * len(again), None, 100.0)
    index.end_sweep(COMPLETE)
    assert index.report().keys == len(names)
    assert index.names(b"conv", b"a") == names
    assert index.expires_ms(b"conv", b"a", names[0]) == 101_500


class CountedLayout(KeyLayout):
    """A layout that counts how many names it reads whole."""

    whole = 0

    def parse(self, name: bytes, tenants: Collection[bytes] = frozenset()) -> ParsedKey:
        """Count, and parse."""
        self.whole += 1
        return super().parse(name, tenants)


def test_cached_answers_that_are_hashes_are_put_in_their_group_without_being_parsed() -> None:
    """LiteLLM's say neither a kind nor a tenant: a million of them are one group, found by how a name looks."""
    layout = CountedLayout(load_preset("litellm"))
    hashes = [b"%064x" % (number * 7919) for number in range(500)]
    names = [*hashes, *(b"team-a:" + name for name in hashes)]
    index = CacheIndex(layout=layout)
    report = swept(index, names, [-1, *[5000] * 999])
    assert layout.whole == 0
    (kind,) = report.kinds
    assert (kind.totals.kind, kind.totals.keys, kind.totals.without_ttl) == (b"response", 1000, 1)
    assert index.names(b"response", b"") == sorted(names)
    assert swept(index, names[:10]).keys == 10
