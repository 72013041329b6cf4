"""The dashboard's alerts: a toast for what is worth one, the bell where nobody looks, and the way to the history.

What is worth saying is decided by ``verdicts/alerts``; nothing of it is imported before the first frame is out.
"""

import asyncio
import contextlib
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

from optimus_tui.contract.health import HealthReport
from optimus_tui.settings.model import Settings
from optimus_tui.tui.panes.health import HealthPane
from optimus_tui.tui.screens.base import DashboardBase
from optimus_tui.tui.toasts import LONGEST, PATH_SECONDS
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.sampling.alert_book import AlertBook

TOAST_SECONDS = 5.0
CLOSE_SECONDS = 1.0
UNKEPT_SECONDS = 3.0
"""A history that another process has locked for a moment is not worth a word."""
BELL_GAP_SECONDS = 5.0
"""Between two rings, whatever happens."""


class Alerting(DashboardBase):
    """Says, rings, mutes."""

    alerts: "AlertBook | None" = None
    _rang_mono = float("-inf")

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._up: list[float] = []
        """When the toasts that are up go away: names that are made up by somebody must not cover the screen."""
        self._unkept = ("", 0.0)
        """What is wrong with the history now, and since when."""
        self._said_unkept: set[str] = set()

    def open_book(self) -> None:
        """Start to take note; the mutes are read before the first alert."""
        from optimus_tui.sampling.alert_book import AlertBook

        self.alerts = AlertBook(lambda: self.context.store, self.context.clock)
        self.run_worker(self.alerts.run(), name="alerts", group="alerts", exit_on_error=False)

    async def close_book(self) -> None:
        """Keep what is not kept yet."""
        book, self.alerts = self.alerts, None
        self.workers.cancel_group(self, "alerts")
        if book is not None and book.loaded:
            with contextlib.suppress(TimeoutError):  # a file that somebody else holds must not keep us here
                async with asyncio.timeout(CLOSE_SECONDS):
                    await book.sync()

    def hear(self, report: HealthReport) -> None:
        """Say what is new in a report."""
        notices = self.alerts.take(report) if self.alerts is not None else ()
        if not notices:
            return
        from optimus_tui.tui.screens.alert_words import MOST_TOASTS, toasts

        here = self.app.screen is self
        hint = "" if not here else "i opens an incident" if self.incident_is_closed() else "i shows the incident"
        mono = self.context.clock.mono()
        self._up = [end for end in self._up if end > mono]
        if len(self._up) <= MOST_TOASTS or any(notice.severity == "critical" for notice in notices):
            room = max(24, min(60, self.app.size.width // 2) - 4)
            for text, severity in toasts(notices, room, hint, MOST_TOASTS - len(self._up)):
                self.app.notify(text, markup=False, severity=severity, timeout=TOAST_SECONDS)
                self._up.append(mono + TOAST_SECONDS)
        if any(notice.rings for notice in notices):
            self.ring()

    def hear_history(self) -> None:
        """Say once why samples and alerts are not kept on the disk, where that lasts."""
        fault = self.context.store.fault if self.alerts is not None and self.alerts.loaded else None
        sentence, mono = "" if fault is None else fault.message, self.context.clock.mono()
        if sentence != self._unkept[0]:
            self._unkept = (sentence, mono)
        if sentence and sentence not in self._said_unkept and mono - self._unkept[1] >= UNKEPT_SECONDS:
            self._said_unkept.add(sentence)
            words = safe_text(f"{sentence}; {fault.remedy}" if fault and fault.remedy else sentence, LONGEST)
            self.app.notify(words, markup=False, severity="warning", timeout=PATH_SECONDS)

    def ring(self) -> None:
        """The bell, where the settings and the terminal's focus want it. Without focus reports it counts as focused."""
        wanted = self.settings.bell == "always" or (self.settings.bell == "unfocused" and not self.app.app_focus)
        mono = self.context.clock.mono()
        if wanted and mono - self._rang_mono >= BELL_GAP_SECONDS:
            self._rang_mono = mono
            self.app.bell()

    def incident_is_closed(self) -> bool:
        """True where ``i`` would open one."""
        incident_service: Any = getattr(self, "incident_service", None)
        return incident_service is None or incident_service.state.status != "open"

    def count_muted(self) -> int:
        """How many mutes are in force; the health pane marks them."""
        muted = self.alerts.muted_now() if self.alerts is not None else {}
        marked: dict[Hashable, float | None] = {}
        if muted and self.health is not None:
            from optimus_tui.verdicts.alert_mutes import silences

            now = self.context.clock.wall()
            quiet = [one for one in self.health.findings if silences(muted, one, now)]
            marked = {(one.rule, one.subject): muted[one.rule, one.subject].until for one in quiet}
        self.query_one(HealthPane).mark_muted(marked)
        return len(muted)

    def open_alerts(self) -> None:
        """``:alerts``."""
        from optimus_tui.tui.screens.alerts import AlertsScreen

        self.app.push_screen(AlertsScreen(self))
