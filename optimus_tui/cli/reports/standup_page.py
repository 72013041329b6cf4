"""The stand-up as at most twelve lines for a terminal and a chat, and as one page without scripts."""

import calendar
import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path

from rich.cells import cell_len, set_cell_size

from optimus_tui.assets import asset_dir
from optimus_tui.contract.finding_rules import title_of_rule
from optimus_tui.contract.tools.overnight import Overnight, Restart, TenantRefusals
from optimus_tui.contract.tools.state import Change, ServicePart, StandupFinding, StandupReport
from optimus_tui.wording.layout import CHART_HEIGHT, CHART_WIDTH, CHARTS, Samples, chart
from optimus_tui.wording.numbers import UNKNOWN, age, clause, latency, percent, plural, rate, size, thousands
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.short_hash import NO_ALIASES, shown_tenant
from optimus_tui.wording.truth import SEVERITY_MARKS, StateGlyph, rate_span, verdict_mark
from optimus_tui.wording.wrapping import shortened_between_words

WIDTH, MOST = 80, 12
SELDOM = 6
"""Events a minute below which a rate is given a minute: a tenth in a second says nothing."""
LONGEST = 2000
"""Far beyond a line: the first gate's own ellipsis, in the middle and with a count, never comes into sight."""
_MIDDLE = 47


class PageNotWritten(Exception):
    """Raised with one sentence if the page could not be written."""


def page(report: StandupReport, series: Mapping[str, Samples]) -> str:
    """Return the HTML document."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(asset_dir("templates") / "reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["title_of_rule"] = title_of_rule
    charts = [one for name in CHARTS if (one := chart(name, series.get(name, ())))]
    template = environment.get_template("standup.html.j2")
    return template.render(
        report=report,
        verdict=_verdict(report),
        lines=lines(report),
        charts=charts,
        width=CHART_WIDTH,
        height=CHART_HEIGHT,
        night=report.overnight,
        happened=_happened(report.overnight, report) if report.overnight else [],
        thousands=thousands,
        percent=percent,
        at=at_words,
    )


def at_words(stamp: str) -> str:
    """Return a time as ``2026-11-30 03:42:58 UTC``; a text of another form is returned unchanged."""
    moment = _moment(stamp)
    if moment:
        return time.strftime("%Y-%m-%d %H:%M:%S UTC", moment)
    return stamp


def write(path: str, text: str) -> None:
    """Write the page to ``path`` in one step, replacing an older one.

    Raises:
        PageNotWritten: ``path`` is not a regular file, or the folder cannot be written.
    """
    try:
        target = Path(path).resolve()
        if target.exists() and not target.is_file():
            raise PageNotWritten("it is not a regular file")
        draft = target.parent / f".{target.name[:60]}-{secrets.token_hex(6)}"
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            with open(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
            os.replace(draft, target)
        except BaseException:
            os.unlink(draft)
            raise
    except OSError as error:
        raise PageNotWritten(error.strerror or "it cannot be written") from None
    except (ValueError, RuntimeError):
        raise PageNotWritten("no file can have this name") from None


def lines(report: StandupReport) -> list[str]:
    """Return the stand-up as lines for a terminal."""
    mark = _verdict(report)
    shown = [_headline(report), f"{mark.glyph} {mark.word}   {_counted(report)}"]
    for name, middle in _parts(report):
        shown.append(_part(name, middle, report.changes.get(name)))
    if report.overnight is not None:
        shown.append(f"  {'since':<8}  {_night(report.overnight, report)}")
    room = MOST - len(shown)
    findings = [one for one in report.findings if one.severity != "low"] or list(report.findings)
    whole = len(findings) == len(report.findings) <= room
    if whole:
        short = findings
    else:
        short = findings[: room - 1]
    shown += [_finding(one, report) for one in short]
    if not whole:
        shown.append(f"  … {len(report.findings) - len(short)} more: optimus-tui standup --json")
    if report.overnight is not None:
        shown += [f"  {line}" for line in _happened(report.overnight, report)[: MOST - len(shown)]]
    return [fit(line, WIDTH).rstrip() for line in shown]


def chat(report: StandupReport) -> str:
    """Return the stand-up for a chat: a bold first line, the rest in a code block."""
    head, *rest = lines(report)
    body = "\n".join(rest)
    fence = "```"
    while fence in body:
        fence += "`"
    title = "".join(f"\\{char}" if char in "\\`*_[]<>#~|@" else char for char in head)
    return f"**{title}**\n{fence}\n{body}\n{fence}"


def fit(text: str, width: int) -> str:
    """Return ``text`` in exactly ``width`` cells, with an ellipsis if it was cut."""
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    return set_cell_size(text, width - 1).rstrip() + "…"


def cut(text: object, width: int) -> str:
    """Return ``text`` as safe text of at most ``width`` cells, with an ellipsis if it was cut."""
    return fit(safe_text(text, LONGEST), width).rstrip()


def cut_sentence(text: object, width: int) -> str:
    """Return a sentence as safe text of at most ``width`` cells, cut between words."""
    whole = safe_text(text, LONGEST)
    return shortened_between_words(whole, width, cell_len) or cut(whole, width)


def _verdict(report: StandupReport) -> StateGlyph:
    return verdict_mark(report.overall_status, [one.rule for one in report.findings])


def _headline(report: StandupReport) -> str:
    now = _moment(report.timestamp)
    if now:
        when = time.strftime("%a %Y-%m-%d %H:%M UTC", now)
    else:
        when = report.timestamp
    return f"optimus standup · {cut(report.environment, 20)} · {when} · {_since(report)}"


def _since(report: StandupReport) -> str:
    if report.since:
        return f"since {_day(report.since, report.timestamp)}"
    return "the first stand-up"


def _moment(stamp: str | None) -> time.struct_time | None:
    try:
        return time.strptime(stamp or "", "%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        return None


def _day(stamp: str | None, now: str) -> str:
    """``Fri 09:00``; with the date where that was more than six days ago."""
    then, present = _moment(stamp), _moment(now)
    if then is None or present is None:
        return UNKNOWN
    if abs(calendar.timegm(present) - calendar.timegm(then)) < 6 * 86_400:
        return time.strftime("%a %H:%M", then)
    return time.strftime("%Y-%m-%d %H:%M", then)


def _counted(report: StandupReport) -> str:
    new = sum(one.new for one in report.findings)
    words = [plural(len(report.findings), "finding")]
    if report.since and report.findings:
        words.append(f"{new or 'none'} new")
    if report.since and report.gone:
        words.append(f"{len(report.gone)} gone")
    if report.unknown:
        words.append(f"{len(report.unknown)} of 4 tools without result")
    return ", ".join(words)


def _part(name: str, middle: str, change: Change | None) -> str:
    if change is None:
        return f"  {name:<8}  {middle}"
    return f"  {name:<8}  {fit(middle, _MIDDLE)}  {_glyph(change)} {change.words}"


def _glyph(change: Change) -> str:
    if change.direction == "same":
        return "="
    if change.rose is None:
        return "~"
    if change.rose:
        return "▲"
    return "▼"


def _parts(report: StandupReport) -> list[tuple[str, str]]:
    span = clause(rate_span(report.redis.hit_rate_source or ""), " (", ")")
    memory = f"  {size(report.redis.memory_bytes):>7}  hit {percent(report.redis.hit_rate)}{span}"
    return [
        ("gateway", _service(report.gateway)),
        ("engine", _service(report.engine)),
        ("redis", _service(report.redis, memory)),
        ("limits", _limits(report)),
        ("cache", _cache(report)),
        ("events", _events(report)),
    ]


def _unknown(error: str | None) -> str:
    return f"{UNKNOWN} {cut_sentence(error or '', 60)}"


def _service(part: ServicePart, more: str = "") -> str:
    if part.latency_ms is None:
        return f"{part.status}  {cut_sentence(part.error or '', 60)}".rstrip()
    if not more and part.p95_ms is not None:
        more = f"  p95 {latency(part.p95_ms)}"
    return f"{part.status:<10}{latency(part.latency_ms):>8}{more}"


def _limits(report: StandupReport) -> str:
    limits = report.limits
    if limits.counters is None:
        return _unknown(limits.error)
    words = f"{thousands(limits.counters)} of {thousands(limits.counters_allowed)} counters"
    if limits.tenant is not None and limits.share is not None:
        words += f"  {_called(limits.tenant, report, 24)} {percent(limits.share)} of {cut(limits.operation, 24)}"
    return words


def _called(tenant: str, report: StandupReport, cells: int) -> str:
    """Return what a tenant is called, in at most so many cells."""
    return cut(shown_tenant(tenant, (report.aliases or NO_ALIASES).get(tenant, "")), cells)


def _cache(report: StandupReport) -> str:
    cache = report.cache
    if cache.keys is None:
        return _unknown(cache.error)
    prefix = "at least "
    if cache.complete:
        prefix = ""
    never = ""
    if cache.without_ttl is not None:
        never = f", {cache.without_ttl:,} never expire"
    return f"{prefix}{thousands(cache.keys)} keys{never}"


def _events(report: StandupReport) -> str:
    events = report.events
    if events.in_window is None:
        return _unknown(events.error)
    if not events.in_window:
        return f"none in {age(report.window_minutes * 60)}"
    span = ""
    if events.covered_minutes is not None:
        span = f" in {age(events.covered_minutes * 60)}"
    came = f"{plural(events.in_window, 'event')}{span}"
    if events.per_minute is not None:
        came = rate(events.per_minute / 60) if events.per_minute >= SELDOM else f"{events.per_minute:,.1f}/min"
    last = ""
    if events.seconds_ago is not None:
        last = f", last {age(events.seconds_ago)} ago"
    bad = ""
    if events.malformed:
        bad = f", {events.malformed:,} malformed"
    return f"{came}{last}{bad}"


def _night(night: Overnight, report: StandupReport) -> str:
    """Return refusals, deploys, restarts and gaps in a line; ``?`` for what is not recorded."""
    words = [f"refused {thousands(night.refused)}"]
    if night.refused_by:
        first = night.refused_by[0]
        words[0] += f" ({_called(first.tenant, report, 16)} {thousands(first.refused)})"
    counts = (("deploys", night.deploys), ("restarts", night.restarts), ("gaps", night.gaps))
    words += [f"{name} {thousands(None if found is None else len(found))}" for name, found in counts]
    return " · ".join(words)


def _happened(night: Overnight, report: StandupReport) -> list[str]:
    """Return one line for each deploy, restart, gap and tenant that was refused, in the order of their times."""
    found: list[tuple[str, str]] = [
        *((one.at, f"{one.service} {cut(one.before, 16)} → {cut(one.after, 16)}") for one in night.deploys or ()),
        *((one.at, _restarted(one)) for one in night.restarts or ()),
        *((one.begin, f"gap of {age(one.seconds)}: {_GAPS[one.of]}") for one in night.gaps or ()),
        *((one.first, _refused(one, report)) for one in night.refused_by if one.first),
    ]
    return [f"{_day(at, report.timestamp):<9} {words}" for at, words in sorted(found)]


_GAPS = {"recording": "nothing was recorded", "feed": "the feed was not live, events may be missing"}


def _restarted(one: Restart) -> str:
    if one.processes > 1:
        return f"{one.service} restarted ({one.processes} processes)"
    return f"{one.service} restarted"


def _refused(one: TenantRefusals, report: StandupReport) -> str:
    until = ""
    if one.last is not None and one.last != one.first:
        until = f", the last {_day(one.last, report.timestamp)}"
    return f"{_called(one.tenant, report, 24)}: {thousands(one.refused)} refused{until}"


def _finding(finding: StandupFinding, report: StandupReport) -> str:
    mark = SEVERITY_MARKS[finding.severity].text
    old = report.since is not None and not finding.new
    since = ""
    if old:
        since = f"  since {_day(finding.since, report.timestamp)}"
    lead = f"{mark:<6}  "
    if report.since:
        lead += f"{'new' if finding.new else '':<5}"
    room = WIDTH - len(lead) - len(since)
    message = safe_text(finding.message, LONGEST)
    short = shortened_between_words(message, room, cell_len)
    if cell_len(short) > room // 2:  # one long word, such as an address, is cut
        message = short
    return f"{lead}{fit(message, room)}{since}"
