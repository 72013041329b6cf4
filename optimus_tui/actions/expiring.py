"""Give keys without a TTL one: ``EXPIRE key seconds NX`` where the server knows it (Redis 7), else under WATCH.

It refuses to shorten or lengthen a TTL that is there.
"""

from collections.abc import Sequence

from optimus_tui.actions.operator_connection import ConnectionLost, OperatorConnection
from optimus_tui.actions.recipe import Halted, send_each
from optimus_tui.actions.transaction import touch_without_ttl
from optimus_tui.contract.actions import Outcome


async def end_each(connection: OperatorConnection, version: str, keys: Sequence[bytes], seconds: int) -> list[Outcome]:
    """One outcome a key; Halted where it has to end."""
    if not knows_nx(version):
        return await touch_without_ttl(connection, keys, lambda key: ("EXPIRE", key, seconds))
    commands = [("EXPIRE", key, seconds, "NX") for key in keys]
    outcomes = await send_each(connection, commands, lambda reply: "done" if reply == 1 else "changed")
    skipped = [index for index, outcome in enumerate(outcomes) if outcome == "changed"]
    if skipped:
        await _tell_gone(connection, keys, skipped, outcomes)
    return outcomes


def knows_nx(version: str) -> bool:
    """Whether EXPIRE takes NX there: since Redis 7."""
    major = version.partition(".")[0]
    return major.isdigit() and int(major) >= 7


async def _tell_gone(
    connection: OperatorConnection, keys: Sequence[bytes], skipped: Sequence[int], outcomes: list[Outcome]
) -> None:
    """EXPIRE answers 0 for a key that is gone and for one that has a TTL: ask which."""
    try:
        pttls = await connection.together([("PTTL", keys[index]) for index in skipped])
    except ConnectionLost as lost:
        raise Halted(outcomes, lost.fault.message) from None
    for index, pttl in zip(skipped, pttls, strict=True):
        if pttl == -2:
            outcomes[index] = "already gone"
