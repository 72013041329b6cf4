"""The checks before and after an action, and the objects that its steps share.

Before: the typed words, the plan's age, the server, the rights, and changes since the plan. After: every key of the
plan.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct, structs
from redis.exceptions import ResponseError

from optimus_tui.actions.action_log import kept, plan_file, receipt_file
from optimus_tui.actions.guard import Guard
from optimus_tui.actions.planning import digest_of
from optimus_tui.actions.redis.key_actions import recipe_for
from optimus_tui.actions.redis.keys import Gathering, Known, check_request, check_windows, foreign
from optimus_tui.actions.redis.operator_connection import (
    ConnectionLost,
    Listener,
    OperatorConnection,
    Permit,
    moved,
    open_operator_connection,
    primary_only,
    read_where,
)
from optimus_tui.clock import Clock
from optimus_tui.contract.actions import Confirmation, Outcome, Plan, PlanKey, Progress, Receipt, Refusal
from optimus_tui.dialects.layout import KeyLayout
from optimus_tui.history.audit.log import AuditLog
from optimus_tui.probes.load_meter import LoadMeter
from optimus_tui.settings.model import RedisTarget, Settings
from optimus_tui.settings.tuning import Tuning
from optimus_tui.wording.numbers import plural
from optimus_tui.wording.safe import safe_text

Report = Callable[[Progress], None]
MAX_AGE_SECONDS = 60.0
MAX_DRIFT = 0.10
MIN_REASON = 3
_ANEW = "plan again"
SCAN_SECONDS = 20.0
SCAN_COUNT = 250
SCAN_PAUSE = 0.002


class ActionDependencies(NamedTuple):
    """What the steps of an action share.

    ``folder`` is the state directory, ``target`` the operator's login. If the check after an action gets no answer
    within ``verify_seconds``, it ends without a result.
    """

    settings: Settings
    target: RedisTarget
    clock: Clock
    own: LoadMeter
    guard: Guard
    audit: AuditLog
    folder: Path
    verify_seconds: float
    tuning: Tuning
    layout: KeyLayout

    async def connection(self, permit: Permit) -> OperatorConnection:
        """Open a connection with this permit.

        Raises:
            ConnectionLost: The server cannot be reached, or refuses the login.
        """
        listener: Listener | None = self.guard.listener
        return await open_operator_connection(self.target, permit, self.own, listener)


class RunControl(NamedTuple):
    """How the operator follows and stops a running action: once ``cancel`` is set, it stops after the current batch."""

    cancel: threading.Event
    report: Report


def check_words(
    dependencies: ActionDependencies, plan: Plan, expected: str, confirmation: Confirmation
) -> Refusal | None:
    """Check that this server is armed, that the typed words are right, and that a reason is given."""
    armed = dependencies.guard.armed
    if armed is None:
        return Refusal("not armed", "nothing is armed", ":arm, then confirm once more")
    if confirmation.typed != expected:
        return Refusal("wrong words", f"to confirm, type: {expected}")
    if len(confirmation.reason.strip()) < MIN_REASON:
        return Refusal("wrong words", "a reason is needed: it goes into the audit")
    refusal = moved(plan.where, armed.where)
    if refusal is None:
        return None
    return structs.replace(refusal, remedy="arm again, then plan again")


def check_plan(dependencies: ActionDependencies, plan: Plan) -> Receipt | Refusal | None:
    """Check that the plan is complete and not too old, and that it was not carried out before.

    Returns:
        None if it may be carried out; a Refusal if not; the stored receipt if this very plan was carried out before.
    """
    stored = kept(receipt_file(dependencies.folder, plan.id), Receipt)
    if stored is not None:
        if stored.digest != plan.digest:
            return Refusal("conflict", "this action's id was used for other keys", _ANEW)
        return stored
    if not plan.id.isalnum() or digest_of(key.key for key in plan.keys) != plan.digest:
        return Refusal("conflict", "the plan was changed after it was made", _ANEW)
    if plan_file(dependencies.folder, plan.id).exists():
        return Refusal("conflict", "this action is running, or was interrupted: resume it")
    if foreign(plan, dependencies.layout) or plan.count > plan.request.max_keys:
        return Refusal("request", "the plan holds keys of others, or too many", _ANEW)
    if dependencies.clock.mono() - plan.made_mono > MAX_AGE_SECONDS:
        return Refusal("stale", f"the plan is older than {MAX_AGE_SECONDS:.0f} s", _ANEW)
    return check_request(plan.request) or check_windows(plan.request, plan.keys)


async def check_server(dependencies: ActionDependencies, connection: OperatorConnection, plan: Plan) -> Refusal | None:
    """Check that it is the same server in the same role, and that the login has the rights.

    Raises:
        ConnectionLost: The connection ended.
    """
    where = await read_where(connection, dependencies.settings)
    if isinstance(where, Refusal):
        return where
    return moved(plan.where, where) or primary_only(where) or await _check_rights(connection, plan)


async def check_drift(dependencies: ActionDependencies, connection: OperatorConnection, plan: Plan) -> Refusal | None:
    """Refuse if more than 10 % of the keys changed since the plan.

    A TTL that ran out by itself does not count. If all keys are gone the action runs and reports that.
    """
    recipe, passed_ms = recipe_for(plan.request.kind), (dependencies.clock.mono() - plan.made_mono + 1) * 1000
    pttls = await connection.each([("PTTL", key.key) for key in plan.keys])
    for pttl in pttls:
        if isinstance(pttl, ResponseError):
            return Refusal("no right", f"a key cannot be read: {safe_text(pttl, 120)}")
    if all(pttl == -2 for pttl in pttls):
        return None
    changed = sum(
        not recipe.meets(pttl) and (key.ttl_ms is None or key.ttl_ms > passed_ms)
        for key, pttl in zip(plan.keys, pttls, strict=True)
    )
    if changed <= MAX_DRIFT * plan.count:
        return None
    return Refusal("drift", f"{changed:,} of {plural(plan.count, 'key')} changed since the plan", _ANEW)


async def _check_rights(connection: OperatorConnection, plan: Plan) -> Refusal | None:
    probes: list[Sequence[str | bytes]] = []
    commands = recipe_for(plan.request.kind).commands
    if plan.channel is not None and "PUBLISH" in commands:
        probes.append(("PUBLISH", plan.channel, b"{}"))
    for fact in _one_of_each(plan.keys):
        words: dict[str, Sequence[str | bytes]] = {
            "UNLINK": ("UNLINK", fact.key),
            "EXPIRE": ("EXPIRE", fact.key, "60"),
        }
        probes += [words[command] for command in sorted(commands & words.keys())]
    user = connection.target.username or "default"
    for probe, reply in zip(
        probes, await connection.together([("ACL", "DRYRUN", user, *probe) for probe in probes]), strict=True
    ):
        if not isinstance(reply, ResponseError) and reply != b"OK":
            name = str(probe[0]).lower()
            return Refusal("no right", f"user {safe_text(user, 60)} may not {name.upper()} there", f"grant +{name}")
    return None


def _one_of_each(keys: Sequence[PlanKey]) -> list[PlanKey]:
    """Return the first counter or cached answer, and the first of the keys that belong to one."""
    firsts = [next((key for key in keys if key.part is part), None) for part in (False, True)]
    return [key for key in firsts if key is not None]


class Verified(Struct, frozen=True):
    """The result of the check after an action.

    Attributes:
        there_again: Keys that were changed and meet the action's condition again.
        unknown_gone: Keys with an unknown outcome that no longer meet the condition.
        new_since: Keys that meet the condition and are not in the plan; None if the scan did not finish.
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
    """Check the keys of the plan after an action.

    The action's connection is used, or a new one if it has ended.

    Returns:
        The result; None without an answer in time.
    """
    deadline = time.monotonic() + dependencies.verify_seconds
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
    gathering, cursor, deadline = (
        Gathering(plan.request, known, dependencies.layout),
        b"0",
        time.monotonic() + SCAN_SECONDS,
    )
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
