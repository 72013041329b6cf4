"""The stand-up as one HTML page that needs nothing else: styles and charts are inside, scripts there are none.

Names and messages come from tenants: the template escapes everything, and everything was made safe to show before.
"""

import math
import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from optimus_tui.assets import asset_dir
from optimus_tui.contract.tools.standup import StandupReport
from optimus_tui.wording.age import clock
from optimus_tui.wording.numbers import latency, percent, rate, thousands
from optimus_tui.wording.size import size

CHART_WIDTH, CHART_HEIGHT, POINTS = 320, 64, 160
GAP_SECONDS = 90.0
Samples = Sequence[tuple[float, float]]

_CHARTS = {
    "latency.gateway": ("Gateway", latency),
    "latency.engine": ("AI engine", latency),
    "latency.redis": ("Redis", latency),
    "hit_rate.gateway": ("Hit rate", percent),
    "cache.keys": ("Cache keys", lambda value: thousands(round(value))),
    "limits.counters": ("Rate-limit counters", lambda value: thousands(round(value))),
    "events.rate": ("Events", rate),
    "redis.memory": ("Redis memory", lambda value: size(round(value))),
}


class Unwritable(Exception):
    """Why the page could not be written, in one sentence."""


class Chart(Struct, frozen=True):
    """One line chart: polylines (a gap begins a new one), and the words beside it."""

    title: str
    lines: tuple[str, ...]
    lowest: str
    highest: str
    latest: str
    span: str


def page(report: StandupReport, series: Mapping[str, Samples]) -> str:
    """The HTML document."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(asset_dir("templates") / "reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    from optimus_tui.cli.standup_lines import lines

    charts = [chart for name in _CHARTS if (chart := _chart(name, series.get(name, ())))]
    template = environment.get_template("standup.html.j2")
    return template.render(report=report, lines=lines(report), charts=charts, width=CHART_WIDTH, height=CHART_HEIGHT)


def _chart(name: str, samples: Samples) -> Chart | None:
    """None where two points are not to be had."""
    title, words = _CHARTS[name]
    kept = [(at, value) for at, value in samples if math.isfinite(value)]
    if len(kept) < 2 or kept[-1][0] <= kept[0][0]:
        return None
    low, high = min(v for _, v in kept), max(v for _, v in kept)
    first, last = kept[0][0], kept[-1][0]
    top = 1.0 if name.startswith("hit_rate") else 1.1 * high or 1.0  # from zero, so that noise does not look like news
    lines: list[list[str]] = [[]]
    before = first
    for at, value in _thinned(kept):
        if at - before > max(GAP_SECONDS, 3 * (last - first) / POINTS):
            lines.append([])
        x = (at - first) / (last - first) * CHART_WIDTH
        y = CHART_HEIGHT * (1 - max(0.0, min(1.0, value / top)))
        lines[-1].append(f"{x:.1f},{y:.1f}")
        before = at
    return Chart(
        title,
        tuple(" ".join(line) for line in lines if line),
        words(low),
        words(high),
        words(kept[-1][1]),
        f"{clock(first, dated=True)} to {clock(last)} UTC",
    )


def _thinned(samples: Samples) -> Samples:
    """At most two points (the lowest and the highest) of each of so many stretches: peaks stay."""
    if len(samples) <= POINTS:
        return samples
    size_of = math.ceil(len(samples) / (POINTS / 2))
    kept: list[tuple[float, float]] = []
    for start in range(0, len(samples), size_of):
        stretch = samples[start : start + size_of]
        ends = {min(stretch, key=lambda one: one[1]), max(stretch, key=lambda one: one[1])}
        kept += sorted(ends)
    return kept


def write(path: str, text: str) -> None:
    """Put the page at ``path`` in one step, in the place of an older one; Unwritable for anything but a plain file."""
    try:
        target = Path(path).resolve()
        if target.exists() and not target.is_file():
            raise Unwritable("it is no plain file")
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
        raise Unwritable(error.strerror or "it cannot be written") from None
    except (ValueError, RuntimeError):
        raise Unwritable("no file can have this name") from None
