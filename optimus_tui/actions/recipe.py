"""What every action is: its words, its condition, and what it sends for a batch. One file an action fills it in.

A recipe never chooses keys: it gets those of the plan. It refuses to hide a lost reply: ``Halted`` carries what is
known of each key of the batch, and why nothing more may be sent.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar

from redis.exceptions import ResponseError

from optimus_tui.actions.operator_connection import ConnectionLost, OperatorConnection
from optimus_tui.contract.actions import ActionKind, ActionRequest, Outcome, Plan
from optimus_tui.probes.commands import Word
from optimus_tui.wording.safe import safe_text

NO_UNDO = "This cannot be undone."


class Halted(Exception):
    """Stop here. ``outcomes`` are those of the batch's keys, in order."""

    def __init__(self, outcomes: Sequence[Outcome], why: str) -> None:
        super().__init__(why)
        self.outcomes, self.why = list(outcomes), why


class Recipe(ABC):
    """One kind of action."""

    kind: ClassVar[ActionKind]
    title: ClassVar[str]
    verb: ClassVar[str]
    condition: ClassVar[str]
    """What a key must be for the action to touch it, in words."""
    commands: ClassVar[frozenset[str]]
    """Those that write; nothing else that writes passes the connection."""
    watched: ClassVar[bool] = False
    """Each batch is looked at under WATCH before it is touched: two trips more."""
    publishes: ClassVar[bool] = False
    undo: ClassVar[str] = NO_UNDO

    def meets(self, pttl: int) -> bool:
        """Whether a key with this PTTL (ms; -1: none, -2: gone) still meets the condition."""
        return pttl != -2

    @abstractmethod
    def effect(self, plan: Plan) -> str:
        """What will be different afterwards, in a sentence."""

    def gentler(self, plan: Plan) -> tuple[ActionRequest, str] | None:
        """Another action that hurts less and helps as well, with its words; None where there is none."""
        return None

    @abstractmethod
    async def act(self, connection: OperatorConnection, plan: Plan, keys: Sequence[bytes]) -> list[Outcome]:
        """Do it to these keys; Halted when it has to end here."""


def of_unlink(reply: object) -> Outcome:
    """What a reply to UNLINK of one key means."""
    return "done" if reply == 1 else "already gone"


async def send_each(
    connection: OperatorConnection, commands: Sequence[Sequence[Word]], judge: Callable[[object], Outcome]
) -> list[Outcome]:
    """One command a key, all in one trip."""
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
    """The server refused something: nobody expected that, so it ends here."""
    for reply in replies:
        if isinstance(reply, Exception):
            raise Halted(outcomes, f"the server refused: {safe_text(reply, 160)}")


def _judged(reply: object, judge: Callable[[object], Outcome]) -> Outcome:
    return "left" if isinstance(reply, ResponseError) else judge(reply)
