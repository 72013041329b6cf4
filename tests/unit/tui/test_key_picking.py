"""Many keys looked at at once pass a filter exactly where each alone does, and stand in the order asked for."""

import asyncio
from array import array

from hypothesis import given, settings
from hypothesis import strategies as st

from optimus_tui.grammar.filter import parse_filter
from optimus_tui.index.name_table import NameTable
from optimus_tui.tui.panes.cache.picking import BUCKET, FIELDS, KeyFields, KeyRun, Picker, order_rows
from tests.amounts import amount

NAMES = st.lists(st.one_of(st.binary(max_size=6), st.text("ab0:\n.", max_size=6).map(str.encode)), max_size=12)
WORDS = st.sampled_from(
    ["a", "A0", "!b", "/a.b/", "/[^a]b/", "/a|b$/", "/^a/", "!/0*/", "/^k0:a?$/", "/[^:]*b$/", r"/\d:\W/", r"/0\b/",
     r"/a\s|\Ak1/", r"!/b\Z/", "/a(?!b)/", "ttl<5", "ttl>=0", "!ttl<9", "expires:never",
     "!expires:yes", "type:string", "size>1", "tenant:t", "tenant:=x", "kind:k", "key:0", "\xe9", "b0"]
)  # fmt: skip


async def no_turn(_: int) -> None:
    """Nobody else waits."""


@given(st.lists(NAMES, min_size=1, max_size=3), st.lists(WORDS, min_size=1, max_size=3), st.data())
@settings(max_examples=amount(120, 800), deadline=None)
def test_many_keys_at_once_pass_a_filter_exactly_where_each_alone_does(
    parts: list[list[bytes]], words: list[str], data: st.DataObject
) -> None:
    tables = [NameTable(sorted({b"k%d:" % number + name for name in some})) for number, some in enumerate(parts)]
    times = st.integers(-2, 9_000)
    leaves = [
        (table, array("q", data.draw(st.lists(times, min_size=len(table), max_size=len(table))))) for table in tables
    ]
    wanted = parse_filter(" ".join(words), FIELDS)
    fields = KeyFields(b"k", b"t", {}, 2_000)
    alone = [
        (name, at) for table, expiries in leaves for name, at in zip(table, expiries, strict=True)
        if wanted.matches(fields.of(name, at))
    ]  # fmt: skip
    picker = Picker(b"k", b"t", wanted, {}, 2_000)
    run = KeyRun(())
    if not picker.none:
        run = asyncio.run(picker.pick(leaves, no_turn))
    assert list(run) == [name for name, _ in alone]
    for reverse in (False, True):
        shown = asyncio.run(order_rows(run, "ttl", reverse, {}, no_turn))
        rank = dict(alone)
        order = [rank[name] if rank[name] >= 0 else 10**9 - rank[name] for name in shown]
        assert order == sorted(order, reverse=reverse)
        assert sorted(shown) == sorted(name for name, _ in alone)
        assert [shown.index(name) for name in shown] == list(range(len(shown)))


async def test_a_large_group_is_sorted_as_a_small_one() -> None:
    names = [b"%06d" % number for number in range(3 * BUCKET)]
    expiries = array("q", [(number * 7919) % 20_011 - 2 for number in range(len(names))])
    leaves = [(NameTable(names[:9000]), expiries[:9000]), (NameTable(names[9000:]), expiries[9000:])]
    turns = 0

    async def turn(_: int) -> None:
        nonlocal turns
        turns += 1

    rank = {name: at if at >= 0 else 10**9 - at for name, at in zip(names, expiries, strict=True)}
    for reverse in (False, True):
        shown = await order_rows(KeyRun(leaves), "ttl", reverse, {}, turn)
        assert list(shown) == sorted(names, key=rank.__getitem__, reverse=reverse)
    assert turns > 6
