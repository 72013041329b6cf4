"""Print how a profile reads the names that are there."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from optimus_tui.cli import exits, output
from optimus_tui.cli.output import print_error, print_line, print_wrapped
from optimus_tui.tools.dialects.trial import Trial, TriedName, try_profile
from optimus_tui.wording.numbers import UNKNOWN, part_of, thousands
from optimus_tui.wording.numbers import ttl as ttl_words
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.truth import LIMIT_MARKS

if TYPE_CHECKING:
    from optimus_tui.context import Context
    from optimus_tui.contract.keyspace import Counter, LimitRow
    from optimus_tui.dialects.model import Dialect
    from optimus_tui.settings.model import Settings

WORDS = {
    "limit": "counter", "cache": "cache key", "coherence": "tracking key", "event log": "event log",
    "neighbour": "other known name", "unparsed": "begins like a rule", "other": "no rule",
}  # fmt: skip
WIDEST = 28


async def trial(settings: "Settings", profile: "Dialect", most: int, *, as_json: bool) -> int:
    """Print how the profile reads a sample of names, and return the exit code."""
    from optimus_tui.cli.run_async import connected_to
    from optimus_tui.probes.name_sample import sample_names

    async with connected_to(replace(settings, dialect=profile)) as context:
        sample = await sample_names(context.redis, settings.scan, context.own)
        if sample.fault and not sample.names:
            return failed(sample.fault, context, as_json=as_json)
        tried = await try_profile(context, sample, most)
        mono = context.clock.mono()
    if as_json:
        import msgspec

        output.document(msgspec.json.encode(_document(profile, tried, mono)), indent=output.indent())
    else:
        _print(profile, tried, mono)
    return exits.code_of(tried.unmatched_count or tried.doubtful)


def failed(fault: Any, context: "Context", *, as_json: bool) -> int:
    """Say why no name could be read, and return the exit code."""
    from optimus_tui.tools.answer import encode, failure_report
    from optimus_tui.tools.keyspace_scan import unreachable

    failure = unreachable(fault)
    if as_json:
        output.document(encode(failure_report("dialect", failure, context.clock.wall())))
    print_error(failure.error.message)
    return failure.exit_code


def _print(profile: "Dialect", tried: Trial, mono: float) -> None:
    print_line(f"{profile.name} ({profile.origin}) on {read_words(tried)}")
    for note in profile.notes:
        print_wrapped("note  ", note)
    print_line()
    for line in table(tried.names, mono):
        print_line(line)
    print_line()
    for family, count in tried.counts.items():
        print_line(f"{thousands(count):>10}  {_plural(WORDS[family], count)}")
    if tried.unmatched:
        shapes = ", ".join(f"{one.count:,} × `{safe_text(one.text)}`" for one in tried.unmatched)
        print_wrapped("no rule matches  ", shapes)
    doubts = dict.fromkeys(one.parsed.doubt for one in tried.names if one.parsed.doubt)
    for doubt in doubts:
        print_wrapped("not certain  ", doubt)
    if tried.fault:
        print_error(f"the values of counters are not known: {tried.fault.message}")
    if tried.sample.fault:
        print_error(tried.sample.fault.message)


def _plural(word: str, count: int) -> str:
    if count == 1 or word not in ("counter", "cache key", "tracking key", "event log", "other known name"):
        return word
    return f"{word}s"


def read_words(tried: Trial) -> str:
    """Return how many names were read: ``40 of 40 names``."""
    return part_of(len(tried.sample.names), tried.sample.total or len(tried.sample.names), "name")


def table(names: Sequence[TriedName], mono: float) -> Iterator[str]:
    """Yield a table: what each name is, whose, which operation or kind, value, limit, reset, the name."""
    from rich.cells import cell_len

    rows = [
        ("is a", "tenant", "operation, kind", "value", "limit", "resets", "name"),
        *(_row(one, mono) for one in names),
    ]
    wide = [max(cell_len(row[column]) for row in rows) for column in range(6)]
    for row in rows:
        cells = [cell + " " * (wide[at] - cell_len(cell)) for at, cell in enumerate(row[:6])]
        yield "  ".join((*cells, row[6])).rstrip()


def _row(one: TriedName, mono: float) -> tuple[str, ...]:
    parsed = one.parsed
    known = parsed.family in ("limit", "cache")
    missing = UNKNOWN if known else ""
    tenant = safe_text(parsed.tenant, WIDEST) or missing
    part = safe_text(one.part, WIDEST) or missing
    if parsed.doubt:
        tenant = f"{tenant} (?)"
    figures = _figures(one.row, mono) if parsed.family == "limit" else ("", "", "")
    return (WORDS[parsed.family], tenant, part, *figures, safe_text(one.name, 120))


def _figures(row: "LimitRow | None", mono: float) -> tuple[str, str, str]:
    if row is None:
        return (UNKNOWN, UNKNOWN, UNKNOWN)
    counter = row.counter
    value = _value(counter)
    state = "" if row.state in ("ok", "unknown limit") else f" {LIMIT_MARKS[row.state].text}"
    return (f"{value}{state}", thousands(_limit(row)), reset_words(row, mono))


def _limit(row: "LimitRow") -> int | None:
    """Return the limit in the name or the profile, else the configured one."""
    if row.counter.limit is None:
        return row.limit
    return row.counter.limit


def _value(counter: "Counter") -> str:
    if counter.count is not None:
        return thousands(counter.count)
    if counter.left is not None:
        return f"{'≥ ' if counter.left_least else ''}{counter.left:,} left"
    if counter.blocked:
        return "refuses"
    return counter.problem or UNKNOWN


def reset_words(row: "LimitRow", mono: float) -> str:
    """Return when the window of a counter ends: ``in 0:32``, ``never``, or what a missing TTL means here."""
    if row.state == "immortal":
        return "never"
    if row.resets_mono is None:
        return row.counter.no_ttl or UNKNOWN
    return f"in {ttl_words(max(0.0, row.resets_mono - mono))}"


def _document(profile: "Dialect", tried: Trial, mono: float) -> dict[str, Any]:
    return {
        "dialect": profile.name,
        "origin": profile.origin,
        "notes": list(profile.notes),
        "read": len(tried.sample.names),
        "total": tried.sample.total,
        "whole": tried.sample.whole,
        "counts": tried.counts,
        "names": [_name_document(one, mono) for one in tried.names],
        "unmatched": [{"shape": safe_text(one.text), "count": one.count} for one in tried.unmatched],
        "fault": tried.fault.message if tried.fault else None,
    }


def _name_document(one: TriedName, mono: float) -> dict[str, Any]:
    parsed = one.parsed
    return {
        "name": safe_text(one.name, 512),
        "family": parsed.family,
        "tenant": safe_text(parsed.tenant) or None,
        "operation": safe_text(parsed.operation) or None,
        "kind": safe_text(parsed.kind) or None,
        "doubt": parsed.doubt or None,
        **_figures_document(one.row, mono),
    }


def _figures_document(row: "LimitRow | None", mono: float) -> dict[str, Any]:
    """Return what was read of a counter; every value is None for a name that is not one."""
    if row is None:
        return dict.fromkeys(("value", "left", "blocked", "problem", "state", "limit", "resets_in_seconds"))
    left = None
    if row.resets_mono is not None:
        left = round(max(0.0, row.resets_mono - mono), 1)
    return {
        "value": row.counter.count,
        "left": row.counter.left,
        "blocked": row.counter.blocked,
        "problem": row.counter.problem,
        "state": row.state,
        "limit": _limit(row),
        "resets_in_seconds": left,
    }
