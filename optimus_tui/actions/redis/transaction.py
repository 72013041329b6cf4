"""Change only keys that have no TTL at that moment: WATCH, PTTL, MULTI, write, EXEC.

If a key changes in between, the server refuses the whole batch; each key is then tried once by itself. A key is never
tried a third time: one that changes twice within a millisecond is in use.
"""

from collections.abc import Callable, Sequence

from optimus_tui.actions.redis.operator_connection import ConnectionLost, OperatorConnection
from optimus_tui.actions.redis.recipe import Halted, of_unlink, raise_refused
from optimus_tui.contract.actions import Outcome
from optimus_tui.probes.redis.commands import Word

Write = Callable[[bytes], Sequence[Word]]


async def touch_without_ttl(connection: OperatorConnection, keys: Sequence[bytes], write: Write) -> list[Outcome]:
    """Send ``write(key)`` for each key without a TTL. The reply 1 means that it was done."""
    together = await _attempt(connection, keys, write)
    if together is not None:
        return together
    outcomes: list[Outcome] = []
    for key in keys:
        try:
            alone = await _attempt(connection, [key], write)
        except Halted as halted:
            left: list[Outcome] = ["left"] * (len(keys) - len(outcomes) - 1)
            raise Halted([*outcomes, *halted.outcomes, *left], halted.why) from None
        outcomes.append(alone[0] if alone else "changed")
    return outcomes


async def _attempt(connection: OperatorConnection, keys: Sequence[bytes], write: Write) -> list[Outcome] | None:
    """Return the outcomes; None if a key changed under WATCH, in which case nothing was done."""
    outcomes = await _look(connection, keys)
    meant = [index for index, outcome in enumerate(outcomes) if outcome == "left"]
    if not meant:
        await _quietly(connection, ("UNWATCH",), outcomes)
        return outcomes
    commands = [("MULTI",), *(write(keys[index]) for index in meant), ("EXEC",)]
    try:
        replies = await connection.together(commands)
    except ConnectionLost as lost:
        for index in meant:
            outcomes[index] = "unknown" if lost.sent else "left"
        raise Halted(outcomes, lost.fault.message) from None
    done = replies[-1]
    if done is None:
        return None
    raise_refused(replies, outcomes)
    for index, reply in zip(meant, done, strict=True):
        outcomes[index] = "left" if isinstance(reply, Exception) else of_unlink(reply)
    raise_refused(done, outcomes)
    return outcomes


async def _look(connection: OperatorConnection, keys: Sequence[bytes]) -> list[Outcome]:
    """Watch the keys and return an outcome for each; "left" means that it still has to be changed."""
    waiting: list[Outcome] = ["left"] * len(keys)
    watched, *pttls = await _quietly(connection, ("WATCH", *keys), waiting, *(("PTTL", key) for key in keys))
    raise_refused([watched, *pttls], waiting)
    outcome_of: dict[object, Outcome] = {-1: "left", -2: "already gone"}
    return [outcome_of.get(pttl, "changed") for pttl in pttls]


async def _quietly(
    connection: OperatorConnection, first: Sequence[Word], outcomes: Sequence[Outcome], *more: Sequence[Word]
) -> list[object]:
    """Send commands that change nothing. If they are lost, nothing was done."""
    try:
        return await connection.together([first, *more])
    except ConnectionLost as lost:
        raise Halted(outcomes, lost.fault.message) from None
