"""The alerts of one watched system: notices to show now, past episodes, and mutes. For the screen and the recorder.

They are stored in the environment's history file as three documents (alerts, mutes, what was done here), which every
process that watches the system reads and adds to. If the file cannot be written, they stay in memory, and ``trouble``
says so. A document that cannot be read is kept under another key and reported. The rules are those of
``verdicts.alerts``.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import msgspec
from msgspec.structs import replace

from optimus_tui.clock import Clock
from optimus_tui.contract.findings import AlertEpisode, Finding, Mute, Notice
from optimus_tui.contract.services import HealthReport
from optimus_tui.verdicts import alerts
from optimus_tui.verdicts.alert_history import merge
from optimus_tui.verdicts.alerts import EPISODES, in_force, unjudged
from optimus_tui.verdicts.own_acts import ACTS, MOST_ACTS, OwnAct, SideEffect
from optimus_tui.verdicts.side_effects import found_lately, side_effects

if TYPE_CHECKING:
    from optimus_tui.history.samples.store import Store

MUTES = "alerts.mutes"
LOOK_SECONDS = 5.0
SYNC_SECONDS = 60.0
"""Seconds between two reads of what other processes wrote, and two writes while an alert holds."""
MOST_BYTES = 900_000

T = TypeVar("T")


class AlertBook:
    """The alerts of one context, on its event loop.

    Call ``load`` before the first ``take``, so that mutes are known.
    """

    def __init__(self, store: "Callable[[], Store]", clock: Clock) -> None:
        self._store, self._clock = store, clock
        self.state = alerts.Alerts()
        self.mutes: dict[tuple[str, str], Mute] = {}
        self._acts: tuple[OwnAct, ...] = ()
        """What was done from here and has side effects, newest last."""
        self.past: tuple[AlertEpisode, ...] = ()
        """Episodes as last read: of earlier starts and of all processes, this one included."""
        self.trouble = ""
        """Why something is not stored, or could not be read; safe to show."""
        self.loaded = False
        self._changed = self._unkept = False
        """Whether episodes changed since they were written; whether our mutes could not be written."""
        self._synced_mono = float("-inf")

    def take(self, report: HealthReport) -> tuple[Notice, ...]:
        """Take a health report and return the notices to show."""
        if not self.loaded:
            return ()
        before = self.state
        self.state, notices = alerts.step(
            before,
            report.findings,
            now=self._clock.wall(),
            mono=self._clock.mono(),
            unjudged=unjudged(report),
            mutes=self.mutes,
            acts=self._acts,
        )
        self._changed |= bool(notices) or before.held.keys() != self.state.held.keys()
        return notices

    def expect(self, kind: str, subject: str, began: float | None = None) -> Callable[[], None]:
        """Note that something is being done from here: for a bounded time, its side effects raise no alarm.

        Args:
            kind: ``RESTART``, or the kind of an action.
            subject: The service, or the tenant.
            began: Wall-clock seconds at which it began; None for now.

        Returns:
            A function to call when it has taken effect: the time begins again then.
        """
        wall = self._clock.wall() if began is None else began
        before = found_lately(self.state, wall)
        one = OwnAct(kind=kind, subject=subject, began=wall, ended=wall, mono=self._clock.mono(), before=before)
        self._acts = (*self._acts, one)[-MOST_ACTS:]
        self._changed = True

        def took_effect() -> None:
            done = replace(one, ended=self._clock.wall(), mono=self._clock.mono())
            self._acts, self._changed = (*(old for old in self._acts if old != one), done), True

        return took_effect

    def expected_now(self) -> dict[tuple[str, str], SideEffect]:
        """Return the findings that follow from what was done here, and raise no alarm yet, by rule and subject."""
        if self._acts:
            return side_effects(self.state, self._acts, self._clock.mono())
        return {}

    def muted_now(self) -> dict[tuple[str, str], Mute]:
        """Return the mutes in force, by rule and subject."""
        return in_force(self.mutes.values(), self._clock.wall())

    def episodes(self) -> tuple[AlertEpisode, ...]:
        """Return all known episodes, newest first."""
        return merge(self._own(), self.past)

    def _own(self) -> tuple[AlertEpisode, ...]:
        return (*(one.episode for one in self.state.held.values()), *self.state.ended)

    # -- mutes

    async def mute(self, finding: Finding, seconds: float | None, reason: str) -> bool:
        """Mute one finding for ``seconds``, or until it clears (None). Return False if only memory holds the mute."""
        now = self._clock.wall()
        until = None
        if seconds is not None:
            until = now + seconds
        made = Mute(
            rule=finding.rule, subject=finding.subject, reason=reason, severity=finding.severity, at=now, until=until
        )
        return await self._change([made], ())

    async def unmute(self, mute: Mute) -> bool:
        """End a mute. Return False if only memory holds the change."""
        self.state = alerts.forget_mute(self.state, mute)
        return await self._change([], [mute])

    async def _change(self, more: list[Mute], less: "tuple[Mute, ...] | list[Mute]") -> bool:
        await self._read_mutes()
        kept = {key: one for key, one in self.mutes.items() if one not in less}
        self.mutes = in_force([*kept.values(), *more], self._clock.wall())
        self._unkept = not await self._write(MUTES, list(self.mutes.values()))
        return not self._unkept

    async def _read_mutes(self) -> None:
        """Read the mutes of other processes. Ours are kept if the file does not answer or lacks them."""
        if self._unkept:
            return
        found = await self._read(MUTES, list[Mute])
        if found is not None:
            self.mutes = in_force(found, self._clock.wall())

    # -- the file

    async def load(self) -> None:
        """Read episodes and mutes from the history file."""
        await self._read_mutes()
        self.past = merge(await self._read(EPISODES, list[AlertEpisode]) or ())
        self.loaded = True

    async def run(self) -> None:
        """Read episodes and mutes, then write what changes, until cancelled."""
        await self.load()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            late = self._clock.mono() - self._synced_mono >= SYNC_SECONDS
            if self._changed or late:
                await self.sync()

    async def sync(self) -> None:
        """Add our episodes and mutes to the file, and read those of other processes."""
        self._changed, self._synced_mono = False, self._clock.mono()
        await self._read_mutes()
        over = alerts.outlived(self.state, self.mutes, self._clock.mono())
        if over or self._unkept:
            await self._change([], over)
        found = await self._read(EPISODES, list[AlertEpisode])
        there = tuple(found or ())
        self.past = merge(self._own(), there, self.past if found is None else ())
        if self.past != there and not await self._write(EPISODES, list(self.past)):
            self._changed = True
        if self._acts and not await self._write_acts():
            self._changed = True

    async def _write_acts(self) -> bool:
        """Add what was done here to what other processes noted. Return False if it could not be written."""
        known = {one.began: one for one in (*(await self._read(ACTS, list[OwnAct]) or ()), *self._acts)}
        newest = sorted(known.values(), key=lambda one: one.began, reverse=True)
        return await self._write(ACTS, newest[:MOST_ACTS])

    async def _read(self, key: str, kind: type[list[T]]) -> list[T] | None:
        document = await self._store().recall(key)
        if document is None:
            return None
        try:
            return msgspec.json.decode(document, type=kind)
        except (msgspec.DecodeError, RecursionError):
            what = {MUTES: "mutes", EPISODES: "past alerts", ACTS: "notes of what was done"}[key]
            aside = await self._store().remember(f"{key}.damaged", document)
            if aside and await self._store().remember(key, b"[]"):
                self.trouble = f"the kept {what} could not be read; they were set aside as {key}.damaged"
            else:
                self.trouble = f"the kept {what} cannot be read"
            return []

    async def _write(self, key: str, rows: list[T]) -> bool:
        document = msgspec.json.encode(rows)
        while len(document) > MOST_BYTES:
            rows = rows[: len(rows) * 3 // 4]
            document = msgspec.json.encode(rows)
        kept = await self._store().remember(key, document)
        fault = self._store().fault
        if not kept:
            self.trouble = f"kept in memory only: {fault.message if fault else 'the history is closed'}"
        elif self.trouble.startswith("kept in memory only"):
            self.trouble = ""
        return kept
