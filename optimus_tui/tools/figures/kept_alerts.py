"""Alerts recorded by a dashboard or recorder of the same system: since when a finding holds, and its cause.

A tool that runs once has no history of its own. Without such records it judges only what it sees.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

import msgspec
from msgspec.structs import replace

from optimus_tui.clock import counted_from
from optimus_tui.contract.finding_rules import CACHE_BULK, EVENTS_FLOOD, LATENCY_COLD_START, rule_of
from optimus_tui.contract.findings import SEVERITIES, AlertEpisode, Finding
from optimus_tui.contract.tools.common import Recommendation
from optimus_tui.verdicts.alerts import EPISODES, LOUD, key_of
from optimus_tui.verdicts.causes import Key, relate, without_evidence
from optimus_tui.verdicts.own_acts import ACTS, OwnAct, effect_by_wall
from optimus_tui.wording.numbers import age
from optimus_tui.wording.truth import OLD_FIGURES, SIDE_EFFECT, act_words, side_effect_words

if TYPE_CHECKING:
    from optimus_tui.context import Context

T = TypeVar("T")

READ_SECONDS = 1.0
SHOWN_SECONDS = 10.0
"""A dashboard that works draws a report more often."""
FRESH_SECONDS = 90.0
"""Notes are written at least once a minute while an alert holds: an older one tells nothing of now."""
_SEEN_BY_WATCHERS = (CACHE_BULK, EVENTS_FLOOD)
"""Causes that are seen only by listening to the feed. Others are judged by the tool's own look."""
_KNOWN_TO_SCREEN = (*_SEEN_BY_WATCHERS, LATENCY_COLD_START)
"""What a dashboard has followed from its beginning, of which one look sees an end: an answer says what the screen does,
or one moment would have two figures."""


async def with_notes(ctx: "Context", findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings with their beginnings and causes as far as recorded, each effect below its cause.

    While windows are cut at a moment (``clock.counting_from``), records and the screen are ignored, because they count
    the time before.
    """
    noted, acts = await asyncio.gather(open_alerts(ctx), _noted(ctx, ACTS, OwnAct))
    now = ctx.clock.wall()
    screen = {(one.rule, one.subject): one for one in _on_screen(ctx)}
    known = {key: one.since for key, one in noted.items()} | {key: one.since for key, one in screen.items()}
    watchers = {key: _as_noted(one, now) for key, one in noted.items()} | {
        (one.rule, one.subject): one for one in shown_now(ctx)
    }
    if counted_from() is None:
        dated = [_followed(one, screen, watchers, known) for one in findings]
    else:
        watchers, dated = {}, [_followed(one, {}, {}, known) for one in findings]
    there = {(one.rule, one.subject) for one in dated}
    watched = [one for key, one in watchers.items() if key[0] in _SEEN_BY_WATCHERS and key not in there]
    named = {key: one.caused_by for key, one in screen.items() if one.caused_by is not None}
    causes = {one.caused_by for one in relate([*dated, *watched], named)}
    found = relate([*dated, *(one for one in watched if (one.rule, one.subject) in causes)], named)
    return tuple(_as_side_effect(one, acts, now) for one in found)


def _as_side_effect(finding: Finding, acts: Iterable[OwnAct], now: float) -> Finding:
    """Return a finding that follows from what was done from a dashboard with that, and until when to wait."""
    effect = effect_by_wall(finding, key_of(finding), acts, now)
    if effect is None:
        return finding
    act, begin = act_words(effect.act.kind, effect.act.subject), now - (finding.window_seconds or 0.0)
    words = side_effect_words(finding.rule, act, effect.act.began, effect.until, reaches_back=begin < effect.act.ended)
    return replace(finding, message=f"{finding.message}; {words}", remedy=f"Nothing has to be done: {words}.")


def without_cures(findings: Iterable[Finding], recommendations: Iterable[Recommendation]) -> tuple[Recommendation, ...]:
    """Return the recommendations without those for side effects of what was done: waiting ends them.

    Args:
        findings: The findings of ``with_notes``.
        recommendations: What a tool recommends.
    """
    is_effect: dict[str, bool] = {}
    for one in findings:
        is_settling = any(words in one.message for words in (f"; {SIDE_EFFECT}", f"; {OLD_FIGURES}"))
        is_effect[one.rule] = is_effect.get(one.rule, True) and is_settling
    return tuple(one for one in recommendations if not is_effect.get(one.rule, False))


def _followed(
    own: Finding, screen: Mapping[Key, Finding], watchers: Mapping[Key, Finding], known: Mapping[Key, float | None]
) -> Finding:
    """Return the finding of one look as a watcher knows it: whole where the watcher saw more, else its beginning."""
    key = own.rule, own.subject
    if own.rule in _KNOWN_TO_SCREEN and key in screen:
        return screen[key]
    noted = watchers.get(key)
    if own.rule == CACHE_BULK and noted is not None and (noted.since or 0.0) < (own.since or 0.0):
        return noted  # the event log has lost the burst's beginning
    if key in screen:  # its chain is the one of the screen, not what this look alone made of it
        own = without_evidence(own)
    if own.since is None or key in screen or own.rule in _SEEN_BY_WATCHERS:
        return replace(own, since=known.get(key) or own.since)
    return own


def _on_screen(ctx: "Context") -> tuple[Finding, ...]:
    """Return the findings that a dashboard in this process shows as true now; none if it drew none lately."""
    at, findings = ctx.shown
    if ctx.clock.mono() - at > SHOWN_SECONDS:
        return ()
    return tuple(one for one in findings if not one.held)


def shown_now(ctx: "Context") -> tuple[Finding, ...]:
    """Return the findings that a dashboard in this process shows as true now.

    Empty while windows are cut at a moment (``clock.counting_from``), because the dashboard's windows are longer.
    """
    if counted_from() is not None:
        return ()
    return _on_screen(ctx)


def with_shown(ctx: "Context", findings: Sequence[Finding], without: Iterable[str]) -> tuple[Finding, ...]:
    """Return the findings plus those that only this process' dashboard shows, because it has seen more.

    Args:
        ctx: The process.
        findings: The findings of one tool run.
        without: The families of findings that the tool was not asked about.
    """
    left_out, there = tuple(without), {key_of(one) for one in findings}
    beside = [
        one
        for one in shown_now(ctx)
        if key_of(one) not in there
        and (SEVERITIES.index(one.severity) >= LOUD or one.rule in _SEEN_BY_WATCHERS)
        and rule_of(one.rule).family not in left_out
    ]
    return (*findings, *beside)


async def open_alerts(ctx: "Context") -> dict[tuple[str, str], AlertEpisode]:
    """Return the alerts that are open in the latest records, by rule and subject; empty if none can be read."""
    episodes = await _noted(ctx, EPISODES, AlertEpisode)
    oldest = ctx.clock.wall() - FRESH_SECONDS
    return {(one.finding.rule, one.finding.subject): one for one in episodes if not one.end and one.seen >= oldest}


async def _noted(ctx: "Context", key: str, kind: type[T]) -> list[T]:
    """Return what dashboards and recorders noted in one document; nothing if it cannot be read."""
    try:
        async with asyncio.timeout(READ_SECONDS):
            document = await ctx.store.recall(key)
        return msgspec.json.decode(document or b"[]", type=list[kind])  # type: ignore[valid-type]
    except (TimeoutError, msgspec.DecodeError, RecursionError):
        return []


def _as_noted(episode: AlertEpisode, now: float) -> Finding:
    found = episode.finding
    message = f"{found.message} (noted {age(max(0.0, now - episode.seen))} ago by the process that watches the feed)"
    return replace(found, message=message, severity="low", since=episode.since, caused_by=None)
