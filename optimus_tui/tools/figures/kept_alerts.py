"""What a dashboard or a recorder that watches the same system has noted: since when a finding holds, and its cause.

One look of a tool has no history of its own. Without such notes it judges what it sees.
"""

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from optimus_tui.contract.finding_rules import CACHE_BULK, EVENTS_FLOOD
from optimus_tui.contract.findings import AlertEpisode, Finding
from optimus_tui.verdicts.alerts import EPISODES
from optimus_tui.verdicts.causes import relate
from optimus_tui.wording.numbers import age

if TYPE_CHECKING:
    from optimus_tui.context import Context

READ_SECONDS = 1.0
FRESH_SECONDS = 90.0
"""Notes are written at least once a minute while an alert holds: an older one tells nothing of now."""
_SEEN_BY_WATCHERS = (CACHE_BULK, EVENTS_FLOOD)
"""Causes that are seen only by listening to the feed. Others are judged by the tool's own look."""


async def with_notes(ctx: "Context", findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings with their beginnings and causes as far as they were noted, each effect below its cause."""
    noted = await open_alerts(ctx)
    dated = [
        replace(one, since=noted[one.rule, one.subject].since)
        if one.since is None and (one.rule, one.subject) in noted
        else one
        for one in findings
    ]
    there = {(one.rule, one.subject) for one in dated}
    now = ctx.clock.wall()
    watched = [_as_noted(one, now) for key, one in noted.items() if key[0] in _SEEN_BY_WATCHERS and key not in there]
    causes = {one.caused_by for one in relate([*dated, *watched])}
    return relate([*dated, *(one for one in watched if (one.rule, one.subject) in causes)])


async def open_alerts(ctx: "Context") -> dict[tuple[str, str], AlertEpisode]:
    """Return the alerts that are open by the latest notes, by rule and subject; none where none can be read."""
    try:
        async with asyncio.timeout(READ_SECONDS):
            document = await ctx.store.recall(EPISODES)
        episodes = msgspec.json.decode(document or b"[]", type=list[AlertEpisode])
    except (TimeoutError, msgspec.DecodeError, RecursionError):
        return {}
    oldest = ctx.clock.wall() - FRESH_SECONDS
    return {(one.finding.rule, one.finding.subject): one for one in episodes if not one.end and one.seen >= oldest}


def _as_noted(episode: AlertEpisode, now: float) -> Finding:
    found = episode.finding
    message = f"{found.message} (noted {age(max(0.0, now - episode.seen))} ago by what watches the feed)"
    return replace(found, message=message, severity="low", since=episode.since, caused_by=None)
