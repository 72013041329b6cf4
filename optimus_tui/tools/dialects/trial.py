"""Try a profile on the names that are in Redis: how each is read, and which no rule matches."""

import asyncio
from collections import Counter as Numbers
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from optimus_tui.contract.keyspace import Counter, LimitRow
from optimus_tui.contract.reading import Fault
from optimus_tui.dialects.layout import Family, KeyLayout, ParsedKey
from optimus_tui.grammar.keys import Shape, Shapes, head_of, heads_of
from optimus_tui.probes.faults import OUTAGES, fault_of
from optimus_tui.probes.name_sample import NameSample
from optimus_tui.verdicts.limits.judge import judge_row

if TYPE_CHECKING:
    from optimus_tui.context import Context

ORDER: tuple[Family, ...] = ("limit", "cache", "coherence", "event log", "neighbour", "unparsed", "other")
UNMATCHED: tuple[Family, ...] = ("unparsed", "other")
"""The families of names that no rule matches."""


class TriedName(Struct, frozen=True):
    """A name and what the profile understands of it. ``row`` is set for a counter that still exists."""

    name: bytes
    parsed: ParsedKey
    row: LimitRow | None = None

    @property
    def part(self) -> bytes:
        """Return the operation of a counter, the kind of a cache key; b"" for others."""
        return self.parsed.operation or self.parsed.kind


class KindKeys(Struct, frozen=True):
    """One kind of cache keys in a sample: the number of its keys, and of their tenants (0 if the names show none)."""

    kind: bytes
    keys: int
    tenants: int


class SortedNames(Struct, frozen=True):
    """The names of a sample as a profile reads them: some of each shape, and how many there are."""

    chosen: list[tuple[bytes, ParsedKey]]
    counts: dict[Family, int]
    kinds: tuple[KindKeys, ...]
    unmatched: tuple[Shape, ...]


class Trial(Struct, frozen=True, kw_only=True):
    """The result of a profile on a sample. ``counts`` has all names by family, ``names`` some of each shape.

    ``kinds`` are all kinds of cache keys, those with most keys first. ``fault`` says why the values of counters are not
    known.
    """

    sample: NameSample
    names: list[TriedName]
    counts: dict[Family, int]
    kinds: tuple[KindKeys, ...] = ()
    unmatched: tuple[Shape, ...] = ()
    fault: Fault | None = None

    @property
    def unmatched_count(self) -> int:
        """Return how many names no rule matches."""
        return sum(self.counts.get(family, 0) for family in UNMATCHED)

    @property
    def doubtful(self) -> int:
        """Return how many of the shown counters have an owner that is not certain."""
        return sum(bool(one.parsed.doubt) for one in self.names)


async def try_profile(ctx: "Context", sample: NameSample, most: int) -> Trial:
    """Return what the context's profile understands of a sample; at most ``most`` names are shown and read."""
    tenants = frozenset(name.encode() for name in ctx.settings.tenants)
    found = await asyncio.to_thread(sort_names, ctx.layout, sample, tenants, most)
    counters, fault = await _rows(ctx, [name for name, parsed in found.chosen if parsed.family == "limit"])
    return Trial(
        sample=sample,
        names=[TriedName(name, parsed, counters.get(name)) for name, parsed in found.chosen],
        counts=found.counts,
        kinds=found.kinds,
        unmatched=found.unmatched,
        fault=fault,
    )


def sort_names(layout: KeyLayout, sample: NameSample, tenants: frozenset[bytes], most: int) -> SortedNames:
    """Return what a profile makes of a sample's names; for many it takes so long that a thread does it."""
    families: dict[Family, dict[bytes, ParsedKey]] = defaultdict(dict)
    for name in layout.with_parts(sample.names):
        parsed = layout.parse(name, tenants)
        families[parsed.family][name] = parsed
    some = {family: some_of_each_shape(families[family], most) for family in ORDER if families[family]}
    strange = [name for family in UNMATCHED for name in families[family]]
    shapes = Shapes()
    shapes.add(heads_of(strange))
    return SortedNames(
        [(name, families[family][name]) for family, name in _shared(some, most)],
        {family: len(families[family]) for family in ORDER if families[family]},
        _kinds(families["cache"].values()),
        shapes.shapes() if strange else (),
    )


def _kinds(keys: Iterable[ParsedKey]) -> tuple[KindKeys, ...]:
    numbers: Numbers[bytes] = Numbers()
    tenants: dict[bytes, set[bytes]] = defaultdict(set)
    for parsed in keys:
        numbers[parsed.kind] += 1
        tenants[parsed.kind] |= {parsed.tenant} - {b""}
    return tuple(KindKeys(kind, count, len(tenants[kind])) for kind, count in numbers.most_common())


def some_of_each_shape(names: Iterable[bytes], most: int) -> list[bytes]:
    """Return up to ``most`` names, in turn one of each shape, so that a rare shape is among them; in order."""
    by_head: dict[bytes, list[bytes]] = defaultdict(list)
    for name in names:
        of_head = by_head[head_of(name)]
        if len(of_head) < most:
            of_head.append(name)
    chosen: list[bytes] = []
    for turn in range(max(map(len, by_head.values()), default=0)):
        chosen += [of_head[turn] for of_head in by_head.values() if turn < len(of_head)]
        if len(chosen) >= most:
            break
    return sorted(chosen[:most])


def _shared(names: Mapping[Family, Sequence[bytes]], most: int) -> Iterator[tuple[Family, bytes]]:
    """Yield at most ``most`` names, in turn one of each family, in the order of the families."""
    kept: dict[Family, int] = dict.fromkeys(names, 0)
    left = most
    while left > 0 and any(kept[family] < len(names[family]) for family in kept):
        for family in kept:
            if left > 0 and kept[family] < len(names[family]):
                kept[family] += 1
                left -= 1
    for family in ORDER:
        yield from ((family, name) for name in names.get(family, ())[: kept.get(family, 0)])


async def _rows(ctx: "Context", names: Sequence[bytes]) -> tuple[dict[bytes, LimitRow], Fault | None]:
    from optimus_tui.probes.counters import read_counters

    rules = ctx.settings.limits
    try:
        found = await read_counters(ctx.redis, ctx.own, ctx.clock, names, rules)
    except OUTAGES as error:
        return {}, fault_of(error, ctx.settings.redis, ctx.layout)
    thresholds = ctx.settings.thresholds
    return {one.key: judge_row(one, None, rules, thresholds) for one in found if isinstance(one, Counter)}, None
