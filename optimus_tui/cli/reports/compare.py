"""``compare``: tenants side by side. An unknown figure is ``?``; a name is literal, never a pattern.

Exit code 0, or 1 if one of them has a finding; 3: Redis could not be asked.
"""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from optimus_tui.cli import exits, output
from optimus_tui.cli.flags import connection_flags, merge_flags, settings_of
from optimus_tui.cli.output import print_error, print_line, print_wrapped
from optimus_tui.wording.numbers import NOTHING, UNKNOWN, latency, percent, thousands
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.short_hash import NO_ALIASES, shown_tenant
from optimus_tui.wording.truth import SEVERITY_MARKS, SEVERITY_WORDS

if TYPE_CHECKING:
    from optimus_tui.contract.tools.state import CompareReport, TenantFigures
    from optimus_tui.settings.model import Settings

WIDEST_NAME, BETWEEN = 24, 3
MOST_BYTES = 4096


def _used(one: "TenantFigures") -> str:
    if one.counters != 0:
        return f"{thousands(one.current_count)} / {thousands(one.limit)}"
    return NOTHING


def _p95(one: "TenantFigures") -> str:
    """Interpolated in the gateway's histogram, or no more than a bound."""
    if one.latency_p95_bound is not None or one.latency_p95_ms is None:
        return one.latency_p95_bound or latency(None)
    return f"≈ {latency(one.latency_p95_ms)}"


_Row = tuple[str, Callable[["TenantFigures"], str]]
_GROUPS: tuple[tuple[tuple[str, ...], tuple[_Row, ...]], ...] = (
    (("counters",), (("counters", lambda one: thousands(one.counters)),)),
    (("share_of_all_counters",), (("of all counters", lambda one: percent(one.share_of_all_counters)),)),
    (("immortal",), (("never reset", lambda one: thousands(one.immortal)),)),
    (("over",), (("over their limit", lambda one: thousands(one.over)),)),
    (
        ("share",),
        (
            ("fullest", lambda one: one.operation or (NOTHING if one.counters == 0 else UNKNOWN)),
            ("  used / limit", _used),
            ("  share of limit", lambda one: percent(one.share) if one.counters != 0 else NOTHING),
        ),
    ),
    (("requests",), (("requests", lambda one: thousands(one.requests)),)),
    (
        ("failed", "error_share"),
        (
            ("failed (5xx)", lambda one: thousands(one.failed)),
            ("  share of requests", lambda one: percent(one.error_share)),
        ),
    ),
    (("refused", "refused_share"), (("refused (429)", lambda one: thousands(one.refused)),)),
    (
        ("cache_keys", "cache_keys_without_ttl"),
        (
            ("cache keys", lambda one: thousands(one.cache_keys)),
            ("  without TTL", lambda one: thousands(one.cache_keys_without_ttl)),
        ),
    ),
    (("events",), (("events", lambda one: thousands(one.events)),)),
    (("latency_p95_ms",), (("latency p95", _p95),)),
)
"""The figures that a group of rows is sorted by, and the rows, which stay together."""


def _rows(differs: Sequence[str]) -> list[_Row]:
    """Return all rows, those first in which the tenants differ most; the others keep their order."""
    places = {name: place for place, name in enumerate(differs)}
    last = len(places)
    ordered = sorted(_GROUPS, key=lambda group: min(places.get(name, last) for name in group[0]))
    return [row for _, rows in ordered for row in rows]


@click.command("compare")
@click.argument("tenants", metavar="TENANT...", nargs=-1, required=True)
@click.option("--minutes", type=click.IntRange(1, 10_080), default=60, show_default=True, help="The window.")
@click.option("--json", "as_json", is_flag=True, help="The document.")
@connection_flags
@click.pass_context
def command(ctx: click.Context, /, tenants: tuple[str, ...], minutes: int, as_json: bool, **given: object) -> int:
    """Put each TENANT into a column: counters, share of limits, failures, refusals, cache keys, events.

    What differs most between them comes first.
    """
    from optimus_tui.cli.run_async import to_end
    from optimus_tui.tools.compare import MOST_TENANTS

    names = [os.fsencode(one) for one in dict.fromkeys(tenants)]
    if len(names) > MOST_TENANTS:
        raise click.UsageError(f"{len(names)} tenants are too many for one table; at most {MOST_TENANTS}")
    for name in names:
        if not name or len(name) > MOST_BYTES:
            raise click.UsageError(f"a tenant's name has 1 to {MOST_BYTES:,} bytes, this one has {len(name):,}")
    return to_end(_tool_call(settings_of(merge_flags(ctx, given)), names, minutes, as_json))


async def _tool_call(settings: "Settings", tenants: Sequence[bytes], minutes: int, as_json: bool) -> int:
    from optimus_tui.cli.run_async import connected_to
    from optimus_tui.tools.answer import ToolFailure, encode, failure_report
    from optimus_tui.tools.compare import TOOL, compare, found

    async with connected_to(settings) as context:
        try:
            report = await compare(context, tenants, minutes)
        except ToolFailure as failure:
            if as_json:
                output.document(encode(failure_report(TOOL, failure, context.clock.wall())))
            print_error(failure.error.message)
            return failure.exit_code
    if as_json:
        output.document(encode(report), indent=output.indent())
    else:
        _print(report, shutil.get_terminal_size((80, 24)).columns)
    return exits.code_of(found(report))


def _print(report: "CompareReport", width: int) -> None:
    for line in table(report.tenants, width, report.differs, report.aliases or NO_ALIASES):
        print_line(line)
    print_line()
    for line in _strangers(report):
        print_line(line)
    for finding in report.diagnostics:
        print_wrapped(f"{SEVERITY_WORDS.get(finding.severity, SEVERITY_MARKS['low']).text}  ", finding.message)
    for reason in report.unknown:
        print_wrapped(f"{UNKNOWN} ", reason)
    for line in _covered(report):
        print_line(line)


def _strangers(report: "CompareReport") -> Iterator[str]:
    """Yield a sentence for each tenant of which nothing was found: a mistyped name, or one without traffic."""
    for one in report.tenants:
        if one.counters == 0 and one.cache_keys == 0 and one.events == 0:
            yield f"{safe_text(shown_tenant(one.tenant_id), WIDEST_NAME)} has no key, counter or event"


def _covered(report: "CompareReport") -> Iterator[str]:
    from optimus_tui.wording.numbers import age

    keys = report.coverage
    whole = ", incomplete"
    if keys.complete:
        whole = ""
    scanned = f"{thousands(keys.scanned)} of {thousands(keys.total)} keys scanned{whole}"
    requests = f"requests over {age(report.window_covered_minutes * 60)} ({report.source})"
    events = report.events_covered_minutes
    logged = ""
    if events is not None:
        logged = f", events over {age(events * 60)}"
    yield f"{report.timestamp} · {scanned} · {requests}{logged}, {report.window_requested_minutes} min asked for"


def table(
    tenants: Sequence[Any], width: int, differs: Sequence[str] = (), aliases: Mapping[str, str] = NO_ALIASES
) -> Iterator[str]:
    """Yield rows of figures with a column for each tenant, in as many blocks as the width needs.

    ``differs`` names the figures in which tenants differ most: those rows come first. ``aliases`` maps a tenant's name
    to the name that people use for it.
    """
    from rich.cells import cell_len

    rows = _rows(differs)
    lead = max(len(title) for title, _ in rows) + BETWEEN
    columns: list[list[str]] = []
    for one in tenants:
        name = shown_tenant(one.tenant_id, aliases.get(one.tenant_id, ""))
        cells = [safe_text(name, WIDEST_NAME), *(safe_text(words(one), WIDEST_NAME) for _, words in rows)]
        wide = max(cell_len(cell) for cell in cells)
        columns.append([" " * (wide - cell_len(cell)) + cell for cell in cells])
    while columns:
        taken, used = 0, lead
        while taken < len(columns) and (taken == 0 or used + cell_len(columns[taken][0]) + BETWEEN <= width):
            used += cell_len(columns[taken][0]) + BETWEEN
            taken += 1
        titles = ["", *(title for title, _ in rows)]
        for number, title in enumerate(titles):
            line = (" " * BETWEEN).join(column[number] for column in columns[:taken])
            yield f"{title:<{lead}}{line}".rstrip()
        columns = columns[taken:]
        if columns:
            yield ""
