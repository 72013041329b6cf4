"""Find out how the names in Redis are to be read: what the profile in force reads, and which preset fits the rest."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from optimus_tui.contract.reading import Fault
from optimus_tui.dialects.detect import DetectedNames, detect, toml_of
from optimus_tui.dialects.layout import KeyLayout
from optimus_tui.dialects.load import load_preset, preset_names
from optimus_tui.dialects.model import Dialect
from optimus_tui.probes.name_sample import MOST_NAMES, SECONDS, NameSample, sample_names
from optimus_tui.tools.dialects.answers import AnswerSign, presets_by_answers
from optimus_tui.wording.numbers import agreeing, clause, part_of, plural, thousands
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.context import Context

READ = ("limit", "cache", "coherence", "event log", "neighbour")
COMMAND = "optimus-tui dialect detect"
"""What prints all of it, with the lines to write."""


class NamesFound(Struct, frozen=True, kw_only=True):
    """The result of a look at the names in Redis.

    ``counts`` has the names that the profile in force reads, by family; ``found`` the result for the others, and for
    those of which it is unclear whose they are. ``whole``: all names were read. ``fault`` says why names are missing.
    """

    dialect: str
    configured: bool
    names: int
    total: int | None
    whole: bool
    counts: dict[str, int]
    found: DetectedNames
    answers: tuple[AnswerSign, ...] = ()
    """What the gateway's answers tell that neither the profile in force nor the names do."""
    fault: Fault | None = None

    @property
    def understood(self) -> int:
        """Return how many names the profile in force reads."""
        return sum(self.counts.values())

    @property
    def fitting(self) -> tuple[str, ...]:
        """Return the presets that fit names or answers which the profile in force does not read."""
        return (*(name for fit in self.found.fits for name in fit.presets), *self.by_answers)

    @property
    def by_answers(self) -> tuple[str, ...]:
        """Return the presets that are shown by the gateway's answers and not by names."""
        return tuple(one.preset for one in self.answers)

    @property
    def stands_on(self) -> tuple[str, ...]:
        """Return the presets in force that read names which would be lost without them."""
        if self.understood and self.dialect in preset_names():
            return (self.dialect,)
        return ()

    @property
    def open_question(self) -> bool:
        """Return True if there may be counters or cache keys that the profile does not read."""
        return bool(self.fitting) or any(shape.family for shape in self.found.shapes)

    @property
    def only_answers(self) -> bool:
        """Return True if only the gateway's answers show a preset, so that nothing has to be asked."""
        return bool(self.answers) and not self.found.fits and not any(shape.family for shape in self.found.shapes)

    @property
    def toml(self) -> str:
        """Return the text for ``optimus.toml``; empty if nothing has to be written."""
        return toml_of(self.found, also=self.by_answers, below=self.stands_on)


async def find_out(ctx: "Context", *, most: int = MOST_NAMES, seconds: float = SECONDS) -> NamesFound:
    """Read a sample of names, and return what it shows. An outage is a fault of the result."""
    sample, answers = await asyncio.gather(
        sample_names(ctx.redis, ctx.settings.scan, ctx.own, most=most, seconds=seconds), presets_by_answers(ctx)
    )
    return await asyncio.to_thread(names_found, ctx, sample, answers)


def names_found(ctx: "Context", sample: NameSample, answers: Sequence[AnswerSign] = ()) -> NamesFound:
    """Return what a sample shows. For many names this takes so long that a screen calls it in a thread."""
    counts, rest = sorted_out(ctx.layout, sample.names, frozenset(name.encode() for name in ctx.settings.tenants))
    found = detect(rest, [load_preset(name) for name in preset_names()])
    told = {fit.presets[0] for fit in found.fits if len(fit.presets) == 1}
    new = (one for one in answers if one.preset not in told and not _has(ctx.settings.profile, load_preset(one.preset)))
    return NamesFound(
        dialect=ctx.layout.dialect.name,
        configured=ctx.settings.names_dialect,
        names=len(sample.names),
        total=sample.total,
        whole=sample.whole,
        counts=counts,
        found=found,
        answers=tuple(new),
        fault=sample.fault,
    )


def _has(profile: Dialect, preset: Dialect) -> bool:
    """Return whether a profile stands on a preset already: it has all that this one says of the gateway."""
    metrics = preset.metrics.items() <= profile.metrics.items()
    return metrics and set(preset.gateway.never) <= set(profile.gateway.never)


def sorted_out(
    layout: KeyLayout, names: Sequence[bytes], tenants: frozenset[bytes]
) -> tuple[dict[str, int], list[bytes]]:
    """Return how many names of each family the layout reads for certain, and the other names."""
    counts: Counter[str] = Counter()
    rest: list[bytes] = []
    for name in names:
        parsed = layout.parse(name, tenants)
        if parsed.family in READ and not parsed.doubt:
            counts[parsed.family] += 1
        else:
            rest.append(name)
    return dict(counts), rest


def read_words(found: NamesFound) -> str:
    """Return what the profile in force reads: ``optimus reads 12 counters and 30 cache keys of 50 names``."""
    counters, cached = found.counts.get("limit", 0), found.counts.get("cache", 0)
    some = ""
    if not found.whole and found.total is not None:
        some = f", of {part_of(found.names, found.total, 'name')} that were looked at"
    elif not found.whole:
        some = "; how many more there are is not known"
        if found.fault is not None:
            some = f"{some}: {found.fault.message}"
    who = "your profile" if found.dialect == "own" else found.dialect
    if not found.names and found.fault is not None:
        return f"{who}: no name could be read: {found.fault.message}"
    if not found.names:
        return f"{who}: there is no name to read"
    what = f"{plural(counters, 'counter')} and {plural(cached, 'cache key')}"
    return f"{who} reads {what} in {plural(found.names, 'name')}{some}"


def fit_words(found: NamesFound) -> list[str]:
    """Return a sentence for each preset that fits by names of its own."""
    sentences = []
    for fit in found.found.fits:
        which = " or ".join(fit.presets)
        verb = agreeing(len(fit.presets), "fits", "fit")
        tail = agreeing(len(fit.presets), "", "; your version decides which")
        question = clause(fit.question, "; ")
        example = safe_text(fit.example, 60)
        sentences.append(f"{which} {verb} {plural(fit.count, 'name')}, as `{example}`{tail}{question}")
    return [*sentences, *(f"{one.preset} fits the gateway: {one.words}" for one in found.answers)]


def shape_words(found: NamesFound, shown: int = 3) -> list[str]:
    """Return a sentence for each shape that names a limiter or a cache, at most ``shown`` of them."""
    sentences = []
    for shape in [one for one in found.found.shapes if one.family][:shown]:
        what = "counters" if shape.family == "limits" else "cache keys"
        look = f"{plural(shape.count, 'name')} look like `{safe_text(shape.text, 60)}`"
        sentences.append(f"{look}: {what}? Names do not tell which part is the tenant")
    return sentences


def other_words(found: NamesFound) -> str:
    """Return the shapes that look like neither a limiter nor a cache, with their numbers; empty for none."""
    plain = [one for one in found.found.shapes if not one.family]
    shapes = [f"{thousands(one.count)} × `{safe_text(one.text, 60)}`" for one in plain]
    if found.found.others:
        shapes.append(f"{thousands(found.found.others)} of other shapes")
    return ", ".join(shapes)
