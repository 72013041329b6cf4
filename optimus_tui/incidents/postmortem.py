"""The post-mortem: Markdown, or one HTML page that needs nothing else. Templates only place what ``story`` returns.

All names, messages and notes are escaped: control characters first, then HTML's or Markdown's own escaping, which the
environment applies and not the template. Scripts, links and outside resources are refused.
"""

import asyncio
from pathlib import Path
from typing import Any, Literal

from optimus_tui import __version__
from optimus_tui.assets import asset_dir
from optimus_tui.contract import incident_events as happened
from optimus_tui.contract.incident import IncidentState, Stamp
from optimus_tui.history.timeline import Timeline
from optimus_tui.incidents.errors import IncidentError
from optimus_tui.incidents.markdown import LONGEST, escaped, fenced
from optimus_tui.incidents.postmortem_model import story
from optimus_tui.incidents.service import IncidentService
from optimus_tui.storage.errors import UnreadableFile
from optimus_tui.storage.private_file import put_in_place
from optimus_tui.wording.charts import CHART_HEIGHT, CHART_WIDTH, CHARTS
from optimus_tui.wording.safe import safe_text

Form = Literal["md", "html"]


def render(state: IncidentState, timeline: Timeline, now: Stamp, form: Form) -> str:
    """Return the whole text of the post-mortem."""
    history, gaps = samples(state, timeline)
    content = story(state, history, now, (*timeline.notices, *gaps))
    template = _environment(form).get_template(f"postmortem.{form}.j2")
    text: str = template.render(**content, width=CHART_WIDTH, height=CHART_HEIGHT, version=__version__)
    return text


async def export(incident_service: IncidentService, form: Form = "md") -> Path:
    """Write the post-mortem beside the timeline, record that, and return its path.

    Raises:
        IncidentError: It cannot be written.
    """
    text = await asyncio.to_thread(
        render, incident_service.state, incident_service.timeline, incident_service.clocks.now(), form
    )
    path = incident_service.timeline.folder / f"postmortem.{form}"
    try:
        await asyncio.to_thread(put_in_place, path, text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise IncidentError(f"{path} cannot be written: {error.strerror}", 4) from None
    if not incident_service.read_only:
        await incident_service.tell(lambda at: happened.Exported(at=at, place=path.name))
    return path


def samples(state: IncidentState, timeline: Timeline) -> tuple[dict[str, list[tuple[float, float]]], tuple[str, ...]]:
    """Return the captured history by series, oldest first, and what of it can no longer be read."""
    import msgspec

    found: dict[str, dict[float, float]] = {}
    gaps = []
    for one in state.captures:
        try:
            document = msgspec.json.decode(timeline.read(one.evidence), type=dict[str, Any])
            series = msgspec.convert(document.get("series"), dict[str, list[tuple[float, float]]])
        except UnreadableFile as error:
            gaps.append(str(error))
            continue
        except msgspec.MsgspecError:
            gaps.append(f"{one.evidence.name} holds no samples")
            continue
        for name in CHARTS:
            found.setdefault(name, {}).update(series.get(name, ()))
    return {name: sorted(points.items()) for name, points in found.items()}, tuple(gaps)


def _environment(form: Form) -> Any:
    from jinja2 import FileSystemLoader, StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    environment = SandboxedEnvironment(
        loader=FileSystemLoader(asset_dir("templates") / "reports"),
        autoescape=form == "html",
        finalize=_shown if form == "html" else escaped,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["fenced"] = fenced
    environment.filters["lines"] = lambda text: [safe_text(line, LONGEST) for line in str(text).splitlines()[:200]]
    return environment


def _shown(value: object) -> object:
    """Remove control characters; the environment escapes the result."""
    if type(value) is not str:
        return value
    return safe_text(value, LONGEST)
