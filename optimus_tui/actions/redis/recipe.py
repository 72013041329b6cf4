"""The base class of the actions on keys, and the guard that stops an action which slows the server down.

A recipe never chooses keys: it gets those of the plan. If a reply is lost, it raises ``Halted`` with what is known of
each key of the batch, and why nothing more may be sent.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from typing import ClassVar

from redis.exceptions import AskError, ClusterDownError, ResponseError, TryAgainError

from optimus_tui.actions.redis.operator_connection import ConnectionLost, OperatorConnection
from optimus_tui.contract.actions import ActionKind, ActionRequest, Outcome, Plan
from optimus_tui.probes.redis.commands import (
    Word,
)
from optimus_tui.settings.tuning import TUNING, Tuning
from optimus_tui.wording.numbers import latency
from optimus_tui.wording.safe import safe_text

NO_UNDO = "This cannot be undone."
WINDOW = 100
TRIES = 3
REDIRECTED = (AskError, TryAgainError, ClusterDownError)
"""A node refused a command because its slot is elsewhere, on its way, or not served. MOVED is an ``AskError``."""


class Halted(Exception):
    """The action must stop. ``outcomes`` has one outcome for each key of the batch, in order."""

    def __init__(self, outcomes: Sequence[Outcome], why: str) -> None:
        super().__init__(why)
        self.outcomes, self.why = list(outcomes), why


class Recipe(ABC):
    """One kind of action: its words, its condition for a key, and the commands for a batch of keys."""

    kind: ClassVar[ActionKind]
    title: ClassVar[str]
    verb: ClassVar[str]
    condition: ClassVar[str]
    """What a key must be for the action to touch it, as a phrase."""
    commands: ClassVar[frozenset[str]]
    """The commands that write; the connection refuses every other one that does."""
    watched: ClassVar[bool] = False
    """Whether each batch is checked under WATCH before it is changed, which takes two more round trips."""
    without_ttl: ClassVar[bool] = False
    """Whether only keys without a TTL meet the condition."""
    publishes: ClassVar[bool] = False
    undo: ClassVar[str] = NO_UNDO

    def meets(self, pttl: int) -> bool:
        """Return True if a key with this PTTL (ms; -1 none, -2 gone) still meets the condition."""
        if self.without_ttl:
            return pttl == -1
        return pttl != -2

    @abstractmethod
    def effect(self, plan: Plan) -> str:
        """Return one sentence that says what will be different afterwards."""

    def gentler(self, plan: Plan) -> tuple[ActionRequest, str] | None:
        """Return an action that does less harm and also helps, with the words that offer it; None if there is none."""
        return None

    @abstractmethod
    async def act(self, connection: OperatorConnection, plan: Plan, keys: Sequence[bytes]) -> list[Outcome]:
        """Change these keys and return one outcome for each.

        Raises:
            Halted: Nothing more may be sent.
        """


def of_unlink(reply: object) -> Outcome:
    """Return the outcome that the reply to UNLINK of one key stands for."""
    if reply == 1:
        return "done"
    return "already gone"


async def send_each(
    connection: OperatorConnection, commands: Sequence[Sequence[Word]], judge: Callable[[object], Outcome]
) -> list[Outcome]:
    """Send one command for each key in one round trip, and return their outcomes.

    Args:
        connection: The operator's connection.
        commands: One for each key.
        judge: Returns the outcome that a reply stands for.

    Raises:
        Halted: The connection ended, or the server refused a command.
    """
    try:
        replies = await connection.together(commands)
    except ConnectionLost as lost:
        known: list[Outcome] = [_judged(reply, judge) for reply in lost.replies]
        rest: Outcome = "unknown" if lost.sent else "left"
        raise Halted([*known, *[rest] * (len(commands) - len(known))], lost.fault.message) from None
    outcomes = [_judged(reply, judge) for reply in replies]
    raise_refused(replies, outcomes)
    return outcomes


def raise_refused(replies: Sequence[object], outcomes: Sequence[Outcome]) -> None:
    """Raise Halted if the server refused one of the commands, other than because its slot moved."""
    for reply in replies:
        moved = isinstance(reply, REDIRECTED) and not isinstance(reply, ClusterDownError)
        if isinstance(reply, Exception) and not moved:
            raise Halted(outcomes, f"the server refused: {safe_text(reply, 160)}")


def _judged(reply: object, judge: Callable[[object], Outcome]) -> Outcome:
    if isinstance(reply, REDIRECTED):
        return "not executed"
    if isinstance(reply, ResponseError):
        return "left"
    return judge(reply)


class LatencyGuard:
    """Decides from PING times whether an action has to stop. ``before``: times in ms before the first batch."""

    def __init__(self, before: list[float], tuning: Tuning = TUNING) -> None:
        self._tuning = tuning
        self._usual = sorted(before)[len(before) // 2] if before else 0.0
        self._before = p99(before)
        self._times: deque[float] = deque(before, maxlen=WINDOW)

    @property
    def limit_ms(self) -> float:
        """Milliseconds above which a PING is slow.

        Twice the slowest time before the first batch, but at least 5 ms and at most 20 ms more than the usual time.
        """
        room, most = self._tuning.ping_room_ms, self._tuning.ping_most_ms
        return min(self._usual + most, max(self._usual + room, 2 * self._before))

    def is_slow(self, ms: float) -> bool:
        """Return True if a PING of ``ms`` milliseconds is slow, and should be measured again before it counts."""
        return ms > self.limit_ms

    def took(self, ms: float) -> str | None:
        """Add the time of one PING, in ms. Return why the action has to stop, or None."""
        self._times.append(ms)
        now = p99(list(self._times))
        if not self.is_slow(now):
            return None
        return (
            f"the server is slow: PING takes {latency(now, self.limit_ms)}, above the limit of "
            f"{latency(self.limit_ms)}; before the action it took {latency(self._usual)}"
        )


def p99(times: list[float]) -> float:
    """Return the 99th percentile of times in ms: the largest of fewer than 20, the second largest of more."""
    if not times:
        return 0.0
    ordered = sorted(times)
    if len(ordered) < 20:
        return ordered[-1]
    return ordered[-2]
