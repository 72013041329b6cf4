"""Give keys without a TTL one: ``EXPIRE key seconds NX`` on Redis 7 and later, else under WATCH.

It refuses to change a TTL that exists.
"""

from collections.abc import Sequence

from optimus_tui.actions.operator_connection import ConnectionLost, OperatorConnection
from optimus_tui.actions.recipe import Halted, send_each
from optimus_tui.actions.transaction import touch_without_ttl
from optimus_tui.contract.actions import Outcome


async def end_each(connection: OperatorConnection, version: str, keys: Sequence[bytes], seconds: int) -> list[Outcome]:
    """Set the TTL and return one outcome a key.

    Raises:
        Halted: Nothing more may be sent.
    """
    if not knows_nx(version):
        return await touch_without_ttl(connection, keys, lambda key: ("EXPIRE", key, seconds))
    commands = [("EXPIRE", key, seconds, "NX") for key in keys]
    outcomes = await send_each(connection, commands, lambda reply: "done" if reply == 1 else "changed")
    skipped = [index for index, outcome in enumerate(outcomes) if outcome == "changed"]
    if skipped:
        await _tell_gone(connection, keys, skipped, outcomes)
    return outcomes


def knows_nx(version: str) -> bool:
    """Return True if EXPIRE takes NX on this version: from Redis 7 on."""
    major = version.partition(".")[0]
    return major.isdigit() and int(major) >= 7


async def _tell_gone(
    connection: OperatorConnection, keys: Sequence[bytes], skipped: Sequence[int], outcomes: list[Outcome]
) -> None:
    """Correct the outcomes of keys that are gone: EXPIRE answers 0 for them as for keys that have a TTL."""
    try:
        pttls = await connection.together([("PTTL", keys[index]) for index in skipped])
    except ConnectionLost as lost:
        raise Halted(outcomes, lost.fault.message) from None
    for index, pttl in zip(skipped, pttls, strict=True):
        if pttl == -2:
            outcomes[index] = "already gone"
