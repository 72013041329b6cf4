"""Check every key of the plan after the action, and count new ones. Changes nothing, and reconnects by itself.

It refuses to call an action verified without an answer of the server: the action then stays open.
"""

import asyncio
import time
from collections.abc import Sequence

from msgspec import Struct
from redis.exceptions import ResponseError

from optimus_tui.actions.dependencies import ActionDependencies, RunControl
from optimus_tui.actions.redis.key_actions import recipe_for
from optimus_tui.actions.redis.key_selection import Gathering, Known
from optimus_tui.actions.redis.operator_connection import ConnectionLost, OperatorConnection
from optimus_tui.actions.redis.permit import Permit
from optimus_tui.contract.actions import Outcome, Plan

TRIES_SECONDS = 5.0
SCAN_SECONDS = 20.0
SCAN_COUNT = 250
SCAN_PAUSE = 0.002


class Verified(Struct, frozen=True):
    """What the check found.

    Attributes:
        there_again: Keys that were changed and meet the condition again.
        unknown_gone: Keys with an unknown outcome that no longer meet it.
        new_since: Keys that meet it and are not in the plan; None if the scan did not finish.
    """

    there_again: int
    unknown_gone: int
    new_since: int | None


async def verify(
    dependencies: ActionDependencies,
    plan: Plan,
    outcomes: Sequence[Outcome],
    connection: OperatorConnection,
    control: RunControl,
) -> Verified | None:
    """Check the keys on the action's connection, or on a new one if that has ended. None without an answer for 5 s."""
    deadline = time.monotonic() + TRIES_SECONDS
    while True:
        try:
            return await _look(dependencies, plan, outcomes, connection, control)
        except ConnectionLost:
            if time.monotonic() > deadline:
                return None
        await asyncio.sleep(0.2)
        try:
            fresh = await dependencies.connection(Permit(db=dependencies.target.db))
        except ConnectionLost:
            continue
        try:
            return await _look(dependencies, plan, outcomes, fresh, control)
        except ConnectionLost:
            continue
        finally:
            await fresh.close()


async def _look(
    dependencies: ActionDependencies,
    plan: Plan,
    outcomes: Sequence[Outcome],
    connection: OperatorConnection,
    control: RunControl,
) -> Verified | None:
    recipe = recipe_for(plan.request.kind)
    pttls = await connection.each([("PTTL", key.key) for key in plan.keys])
    if any(isinstance(pttl, ResponseError) for pttl in pttls):
        return None
    meets = [recipe.meets(pttl) for pttl in pttls]
    tried = [outcome in ("done", "unknown", "already gone") for outcome in outcomes]
    return Verified(
        there_again=sum(one and again for one, again in zip(tried, meets, strict=True)),
        unknown_gone=sum(outcome == "unknown" and not again for outcome, again in zip(outcomes, meets, strict=True)),
        new_since=await _new(dependencies, plan, connection, control),
    )


async def _new(
    dependencies: ActionDependencies, plan: Plan, connection: OperatorConnection, control: RunControl
) -> int | None:
    """Count the keys that meet the condition now and were not in the plan; None if the scan did not finish."""
    known = Known(frozenset(tenant.encode("utf-8", "surrogatepass") for tenant in dependencies.settings.tenants))
    gathering, cursor, deadline = Gathering(plan.request, known), b"0", time.monotonic() + SCAN_SECONDS
    while True:
        try:
            cursor, names = await connection.ask("SCAN", cursor, "COUNT", SCAN_COUNT)
        except ResponseError:
            return None
        gathering.add(names)
        if cursor == b"0":
            break
        if control.cancel.is_set() or time.monotonic() > deadline:
            return None
        await asyncio.sleep(SCAN_PAUSE)
    old = {key.key for key in plan.keys} | set(plan.ambiguous)
    fresh = [name for name in gathering.selected().keys if name not in old]
    pttls = await connection.each([("PTTL", name) for name in fresh])
    recipe = recipe_for(plan.request.kind)
    return sum(isinstance(pttl, int) and recipe.meets(pttl) for pttl in pttls)
