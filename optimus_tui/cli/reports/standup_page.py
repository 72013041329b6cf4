"""The stand-up as one HTML page without scripts, with styles and charts inside.

Names and messages come from tenants: they are made safe first, and the template escapes everything.
"""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from optimus_tui.assets import asset_dir
from optimus_tui.contract.tools.standup import StandupReport
from optimus_tui.wording.charts import CHART_HEIGHT, CHART_WIDTH, CHARTS, Samples, chart


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
    from optimus_tui.cli.reports.standup_lines import lines

    charts = [one for name in CHARTS if (one := chart(name, series.get(name, ())))]
    template = environment.get_template("standup.html.j2")
    return template.render(report=report, lines=lines(report), charts=charts, width=CHART_WIDTH, height=CHART_HEIGHT)


def write(path: str, text: str) -> None:
    """Put the page at ``path`` in one step, in the place of an older one; Unwritable for anything but a plain file."""
    try:
        target = Path(path).resolve()
        if target.exists() and not target.is_file():
            raise PageNotWritten("it is no plain file")
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
