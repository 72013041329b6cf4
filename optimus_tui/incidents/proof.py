"""Runs the checks after a remedy automatically, once enough was recorded since to prove something.

``turn`` does what is due now. It reads the time from the incident's context, so that a test can set the clock.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from optimus_tui.contract.finding_rules import LIMITS_OVER
from optimus_tui.contract.incident import ActionRecord
from optimus_tui.incidents.came import Came, enough_at, what_came
from optimus_tui.workflow.proof import (
    FOLLOW_SECONDS,
    GIVE_UP_SECONDS,
    WINDOW_SECONDS,
    acted_at,
    again_at,
    aimed_at,
    is_superseded,
    need_for,
    proof_words,
)

if TYPE_CHECKING:
    from optimus_tui.incidents.service import IncidentService

Say = Callable[[ActionRecord], None]
"""Called with an action whose checks have a new result."""
WAIT_SECONDS = 6.0
"""How much longer checks wait at a time where too little has come."""
FILLS = "its counter fills up again and is expected to refuse before its window ends"


class Prover:
    """Follows the actions of one incident until each is proved, or replaced by a later one."""

    def __init__(self, service: "IncidentService", say: Say, fills: Callable[[str], bool] = lambda _: False) -> None:
        """Follow an incident.

        Args:
            service: The incident.
            say: Called with an action when its result differs from the one before.
            fills: Returns True for the subject of a used-up limit whose counter was emptied and is expected to be full
                again before its window ends.
        """
        self.service, self._say, self._fills = service, say, fills
        self._told = {one.receipt.action_id: one.verdict or "" for one in service.state.action_records}
        self._times: dict[str, int] = {}
        self._next: dict[str, float] = {}
        """By action whose proof is late, the wall-clock seconds at which is counted again what came."""
        self._from: dict[str, float] = {}
        """By action, the wall-clock seconds of its last answer: the next check counts what came since."""

    async def turn(self) -> None:
        """Run the checks that are due now. Checks whose result cannot be recorded are repeated in the next turn.

        Raises:
            IncidentError: The incident cannot be written to.
        """
        state = self.service.state
        if state.status != "open" or self.service.read_only or self.service.elsewhere:
            return
        for record in state.action_records:
            if is_superseded(state, record):
                continue
            if record.due is not None:
                at = max(record.due, self._next.get(record.receipt.action_id, 0.0))
                if record.late:  # what comes faster than expected is not waited for
                    at = self._next.get(record.receipt.action_id, record.since)
                if self._now() >= at and await self._has_enough(record):
                    await self._check(record, record.since)
            elif record.verdict is not None:
                self._tell(record)
                await self._follow(record)

    def _now(self) -> float:
        return self.service.ctx.clock.wall()

    async def _follow(self, record: ActionRecord) -> None:
        """Run the checks of an action that has not fixed its fault once more, after a pause."""
        answered = max((one.at.wall for one in record.checks if one.at is not None), default=record.at.wall)
        name = record.receipt.action_id
        at, now = again_at(record, answered, self._times.get(name, 1)), self._now()
        if at is not None and at <= now <= record.since + FOLLOW_SECONDS and record.checks:
            await self._check(record, self._from.get(name, record.since))

    async def _check(self, record: ActionRecord, since: float) -> None:
        name = record.receipt.action_id
        self._times[name] = self._times.get(name, 0) + 1
        checked = await self.service.check_again(name, since)
        self._from[name] = max(since, self._now())
        self._tell(checked)

    def _tell(self, record: ActionRecord) -> None:
        name, verdict = record.receipt.action_id, record.verdict or ""
        if self._told.get(name) != verdict:
            self._told[name] = verdict
            self._say(record)

    async def _has_enough(self, record: ActionRecord) -> bool:
        """Return True if enough came, or nobody records it; else wait longer, or say at last that it is not known."""
        came = await what_came(self.service.ctx, need_for(record), record.since)
        lacking = [one for one in came if one.lacks and one.recorded]
        now = self._now()
        for one in aimed_at(record):
            if one.rule == LIMITS_OVER and self._fills(one.subject):
                window = (one.window_seconds or WINDOW_SECONDS) + 1.0
                lacking.append(Came(FILLS, lacks=True, share=min(1.0, (now - record.since) / window)))
        if not lacking:
            return True
        words = "; ".join(one.words for one in lacking)
        if now - acted_at(record) >= GIVE_UP_SECONDS:
            await self.service.give_up_checks(record.receipt.action_id, f"too little was recorded since: {words}")
        else:
            self._next[record.receipt.action_id] = now + WAIT_SECONDS
            due = enough_at(lacking, record.since, now)
            if record.due is not None and (record.need != words or (due or 0.0) > record.due):
                await self.service.delay_checks(record.receipt.action_id, due or record.due, words)
        return False


def sentence_of(record: ActionRecord) -> str:
    """Return the sentence of a toast for an action whose checks have a new result."""
    return f"{record.receipt.words or record.receipt.kind}: {proof_words(record)}"
