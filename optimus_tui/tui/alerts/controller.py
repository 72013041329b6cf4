"""Tell the operator about alerts: toasts, the bell while nobody looks, and the screen of the history.

``verdicts/alerts`` decides what is worth an alert. It is imported after the first frame only.
"""

import asyncio
import contextlib
from collections.abc import Callable, Hashable, Mapping
from functools import partial
from typing import TYPE_CHECKING, cast

from optimus_tui.contract.services import HealthReport
from optimus_tui.tui.actions.controller import ActionsController
from optimus_tui.tui.base_screen import LONG_SECONDS, LONGEST
from optimus_tui.tui.dashboard.reports import known_findings
from optimus_tui.tui.panes.health.finding_lines import QuietReason, reason_of
from optimus_tui.tui.services import DashboardServices
from optimus_tui.tui.toasts.queue import toast_room
from optimus_tui.wording.numbers import clock
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.truth import act_words, side_effect_words

if TYPE_CHECKING:
    from optimus_tui.contract.actions import Receipt
    from optimus_tui.contract.findings import Finding
    from optimus_tui.sampling.alert_book import AlertBook
    from optimus_tui.tui.actions.remedy_text import RowRemedy
    from optimus_tui.tui.panes.health.pane import HealthPane

TOAST_SECONDS = 5.0
CLOSE_SECONDS = 1.0
"""How long the history must fail before it is said: another process may have locked it for a moment."""
BELL_GAP_SECONDS = 5.0
"""The shortest time between two rings."""


class AlertsController:
    """Shows alerts as toasts, rings the bell and marks muted findings."""

    def __init__(self, dashboard: DashboardServices, actions: ActionsController) -> None:
        """Show nothing yet.

        Args:
            dashboard: Who shows the toasts.
            actions: What can be done about a finding.
        """
        self.dashboard, self.actions = dashboard, actions
        actions.did = self.note_action
        self.book: AlertBook | None = None
        self.explained: frozenset[Hashable] = frozenset()
        """Rule and subject of findings that follow from what was done here, or whose figures are of before it."""
        """The alerts of this system; None before the sampling starts and after it has stopped."""
        self._toasts_end: list[float] = []
        """When each toast on the screen goes away, so that a flood of names does not cover the screen."""
        self._rang_mono = float("-inf")
        self._fault = ("", 0.0)
        """What is wrong with the history now, and since when."""
        self._said_faults: set[str] = set()
        self._is_prepared = False
        """Whether what the next keys open is being loaded."""

    def open_book(self) -> None:
        """Start to record alerts. The mutes are read before the first alert is shown."""
        from optimus_tui.sampling.alert_book import AlertBook

        context = self.dashboard.context
        self.book = AlertBook(lambda: context.store, context.clock)
        self.dashboard.run_in_background("alerts", self.book.run, exclusive=False)

    async def close_book(self) -> None:
        """Stop recording, and write what is not on the disk yet, for at most ``CLOSE_SECONDS``."""
        book, self.book = self.book, None
        self.dashboard.cancel_group("alerts")
        if book is not None and book.loaded:
            with contextlib.suppress(TimeoutError):  # a file that another process has locked must not delay the end
                async with asyncio.timeout(CLOSE_SECONDS):
                    await book.sync()

    def announce(self, report: HealthReport) -> None:
        """Show what is new in a report, and ring the bell for what is urgent."""
        notices = self.book.take(report) if self.book is not None else ()
        if not notices:
            return
        from optimus_tui.tui.alerts.toasts import MOST_TOASTS, toasts

        app, mono = self.dashboard.app, self.dashboard.context.clock.mono()
        self._toasts_end = [end for end in self._toasts_end if end > mono]
        urgent = any(notice.severity == "critical" for notice in notices)
        if urgent or len(self._toasts_end) <= MOST_TOASTS:
            room = toast_room(app.size.width)
            most = MOST_TOASTS - len(self._toasts_end)
            early, at = self.dashboard.incidents.too_early, self.dashboard.context.clock.wall()
            for text, severity, whole in toasts(notices, room, self._key_hint, most, early, at):
                self.dashboard.optimus.notify(
                    text, severity=severity, timeout=TOAST_SECONDS, whole=whole, is_alert=True
                )
                self._toasts_end.append(mono + TOAST_SECONDS)
        if any(notice.rings for notice in notices):
            self.ring()
        if not self._is_prepared:  # i and a come next: what they open is loaded before, beside the screen
            self._is_prepared = True
            self.dashboard.run_in_background("answers", partial(asyncio.to_thread, _load_answers), name="answers")

    def _key_hint(self, finding: "Finding") -> str:
        """Return what the keys ``a`` and ``i`` do now; an empty string where the dashboard does not get them."""
        from optimus_tui.tui.actions.remedies import acts_on

        if not self.dashboard.is_on_top():
            return ""
        incident = "i shows the incident" if self.dashboard.incidents.is_open() else "i opens an incident"
        if acts_on(self.dashboard, self.actions.outside, finding):
            return f"a on its row acts, {incident}"
        return incident

    def warn_if_not_kept(self) -> None:
        """Say once why samples and alerts are not written to the disk, if that persists."""
        fault = self.dashboard.context.store.fault if self.book is not None and self.book.loaded else None
        context, sentence = self.dashboard.context, "" if fault is None else fault.message
        mono, lasting = context.clock.mono(), context.tuning.unkept_seconds
        if sentence != self._fault[0]:
            self._fault = (sentence, mono)
        if sentence and sentence not in self._said_faults and mono - self._fault[1] >= lasting:
            self._said_faults.add(sentence)
            words = safe_text(f"{sentence}; {fault.remedy}" if fault and fault.remedy else sentence, LONGEST)
            self.dashboard.app.notify(words, markup=False, severity="warning", timeout=LONG_SECONDS)

    def ring(self) -> None:
        """Ring the bell if the settings allow it while the terminal has, or lacks, the focus.

        A terminal that does not report its focus counts as focused.
        """
        app, bell = self.dashboard.app, self.dashboard.settings.bell
        wanted = bell == "always" or (bell == "unfocused" and not app.app_focus)
        mono = self.dashboard.context.clock.mono()
        if wanted and mono - self._rang_mono >= BELL_GAP_SECONDS:
            self._rang_mono = mono
            app.bell()

    def expect(self, kind: str, subject: str, began: float | None = None) -> Callable[[], None]:
        """Raise no alarm for the side effects of what is being done from here.

        Call the returned function once it took effect.

        Args:
            kind: ``RESTART``, or the kind of an action.
            subject: The service, or the tenant.
            began: Wall-clock seconds at which it began; None for now.
        """
        if self.book is not None:
            return self.book.expect(kind, subject, began)
        return lambda: None

    def note_action(self, receipt: "Receipt") -> None:
        """Raise no alarm for the side effects of an action that has ended."""
        if receipt.counts.get("done"):
            self.expect(receipt.request.kind, safe_text(receipt.request.tenant, 120), receipt.started_at)()

    def side_effect(self, finding: "Finding") -> str:
        """Return which act from here a finding is a side effect of, and until when to wait; empty if of none."""
        effects = self.book.expected_now() if self.book is not None else {}
        effect = effects.get((finding.rule, finding.subject))
        if effect is None:
            return ""
        act = act_words(effect.act.kind, effect.act.subject)
        begin = self.dashboard.context.clock.wall() - (finding.window_seconds or 0.0)
        reaches_back = begin < effect.act.ended
        return side_effect_words(finding.rule, act, effect.act.began, effect.until, reaches_back=reaches_back)

    def mark_quiet(self) -> int:
        """Mark findings in the health pane with why they are no alarm, or what to do; return how many are muted."""
        muted = self.book.muted_now() if self.book is not None else {}
        health = self.dashboard.health
        marked: dict[Hashable, QuietReason] = {}
        for each in known_findings(health):
            if health is not None and (words := self.dashboard.incidents.why_quiet(each)):
                settled = self.dashboard.incidents.settled
                was = settled.was(each) if settled is not None else ""
                marked[each.rule, each.subject] = reason_of(words, each, health, was)
        self.explained = frozenset(marked)
        if muted and health is not None:
            from optimus_tui.verdicts.alerts import silences

            now = self.dashboard.context.clock.wall()
            for each in health.findings:
                if silences(muted, each, now):
                    until = muted[each.rule, each.subject].until
                    words = "muted" if until is None else f"muted until {clock(until)[:5]}"
                    marked[each.rule, each.subject] = QuietReason(words)
        remedies: Mapping[Hashable, RowRemedy] = {}
        if known_findings(health):
            from optimus_tui.tui.actions.remedies import row_remedies

            remedies = row_remedies(self.dashboard, self.actions.outside)
        cast("HealthPane", self.dashboard.pane("health")).mark_quiet(marked, self.explained, remedies)
        return len(muted)

    def open_screen(self) -> None:
        """Show the history of alerts (``:alerts``)."""
        from optimus_tui.tui.alerts.screen import AlertsScreen

        self.dashboard.open_screen(AlertsScreen(self.dashboard, lambda: self.book))


def _load_answers() -> None:
    """Import what ``i``, ``a`` and ``e`` open, which takes a busy machine a second. Runs in a thread."""
    import optimus_tui.actions.service
    import optimus_tui.incidents.open
    import optimus_tui.incidents.proof
    import optimus_tui.tools.answer
    import optimus_tui.tui.actions.questions
    import optimus_tui.tui.dialogs.explain
    import optimus_tui.tui.incidents.lone_proof
    import optimus_tui.tui.incidents.opening
    import optimus_tui.tui.incidents.proved
    import optimus_tui.tui.incidents.screen  # noqa: F401
