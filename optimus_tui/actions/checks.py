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
from optimus_tui.actions.redis.identity import keys_moved, primary_only, why_moved
from optimus_tui.actions.redis.key_actions import recipe_for
from optimus_tui.actions.redis.keys import Gathering, Known, check_request, check_windows, count_foreign
from optimus_tui.actions.redis.operator_connection import ConnectionLost, Listener, OperatorConnection, Permit
from optimus_tui.actions.redis.servers import OperatorServers
from optimus_tui.actions.redis.tenant_lock import EndedLocks
from optimus_tui.clock import Clock
from optimus_tui.contract.actions import (
    Confirmation,
    NodeWhere,
    Outcome,
    Plan,
    PlanKey,
    Progress,
    Receipt,
    Refusal,
)
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
    """The objects that all steps of an action share.

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
    ended_locks: EndedLocks

    def servers(self, permit: Permit, plan: Plan) -> OperatorServers:
        """Return the servers of a plan, with this permit for each connection; they are opened on first use."""
        listener: Listener | None = self.guard.listener
        seconds = self.tuning.replicas_seconds
        return OperatorServers(self.target, permit, self.own, listener, plan.where.nodes, seconds)


class RunControl(NamedTuple):
    """The operator's control of a running action: once ``cancel`` is set, it stops after the current batch."""

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
    refusal = why_moved(plan.where, armed.where)
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
    if count_foreign(plan, dependencies.layout) or plan.count > plan.request.max_keys:
        return Refusal("request", "the plan holds keys of other tenants, or too many keys", _ANEW)
    if dependencies.clock.mono() - plan.made_mono > MAX_AGE_SECONDS:
        return Refusal("stale", f"the plan is older than {MAX_AGE_SECONDS:.0f} s", _ANEW)
    return check_request(plan.request) or check_windows(plan.request, plan.keys)


async def check_server(dependencies: ActionDependencies, servers: OperatorServers, plan: Plan) -> Refusal | None:
    """Check that these are the same servers, that each owns its keys, and that the login has the rights.

    Raises:
        ConnectionLost: A connection ended.
    """
    where = await servers.where(dependencies.settings)
    if isinstance(where, Refusal):
        return where
    refusal = why_moved(plan.where, where) or primary_only(where) or keys_moved(plan, where)
    for connection in [] if refusal is not None else await servers.all():
        refusal = refusal or await _check_rights(connection, plan, servers)
    return refusal


async def check_again(
    dependencies: ActionDependencies, servers: OperatorServers, plan: Plan, node: NodeWhere | None
) -> Refusal | None:
    """Check one server while the action runs: a node of a cluster must be the same primary. Its slots may have moved.

    Raises:
        ConnectionLost: The connection ended.
    """
    if node is None:
        return await check_server(dependencies, servers, plan)
    found = await servers.node(dependencies.settings, node)
    if isinstance(found, Refusal):
        return found
    if (found.id, found.run_id) != (node.id, node.run_id):
        return Refusal("elsewhere", f"another server process answers at {node.place}", _ANEW)
    return await _check_rights(await servers.at(node), plan, servers)


async def check_drift(dependencies: ActionDependencies, servers: OperatorServers, plan: Plan) -> Refusal | None:
    """Refuse if more than 10 % of the keys changed since the plan.

    A TTL that ran out by itself does not count. If all keys are gone the action runs and reports that.
    """
    recipe, passed_ms = recipe_for(plan.request.kind), (dependencies.clock.mono() - plan.made_mono + 1) * 1000
    pttls = await servers.each([("PTTL", key.key) for key in plan.keys])
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


async def _check_rights(connection: OperatorConnection, plan: Plan, servers: OperatorServers) -> Refusal | None:
    probes: list[Sequence[str | bytes]] = []
    if servers.may_fail_over:
        probes.append(("WAIT", "1", "1"))
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
    servers: OperatorServers,
    control: RunControl,
) -> Verified | None:
    """Check the keys of the plan after an action, each where it is served now.

    The action's connections are used, or new ones if one has ended.

    Returns:
        The result; None without an answer in time.
    """
    deadline = time.monotonic() + dependencies.verify_seconds
    try:
        return await _look(dependencies, plan, outcomes, servers, control)
    except ConnectionLost:
        pass
    while time.monotonic() <= deadline:
        await asyncio.sleep(0.2)
        fresh = dependencies.servers(Permit(db=dependencies.target.db), plan)
        try:
            return await _look(dependencies, plan, outcomes, fresh, control)
        except ConnectionLost:
            continue
        finally:
            await fresh.close()
    return None


async def _look(
    dependencies: ActionDependencies,
    plan: Plan,
    outcomes: Sequence[Outcome],
    servers: OperatorServers,
    control: RunControl,
) -> Verified | None:
    recipe = recipe_for(plan.request.kind)
    pttls = await servers.each([("PTTL", key.key) for key in plan.keys])
    if any(isinstance(pttl, ResponseError) for pttl in pttls):
        return None
    meets = [recipe.meets(pttl) for pttl in pttls]
    tried = [outcome in ("done", "unknown", "already gone") for outcome in outcomes]
    return Verified(
        there_again=sum(one and again for one, again in zip(tried, meets, strict=True)),
        unknown_gone=sum(outcome == "unknown" and not again for outcome, again in zip(outcomes, meets, strict=True)),
        new_since=await _new(dependencies, plan, servers, control),
    )


async def _new(
    dependencies: ActionDependencies, plan: Plan, servers: OperatorServers, control: RunControl
) -> int | None:
    """Count the keys that meet the condition now and were not in the plan; None if the scan did not finish."""
    known = Known(frozenset(tenant.encode("utf-8", "surrogatepass") for tenant in dependencies.settings.tenants))
    gathering, deadline = Gathering(plan.request, known, dependencies.layout), time.monotonic() + SCAN_SECONDS
    for connection in await servers.all():
        if not await _gather(gathering, connection, control, deadline):
            return None
    old = {key.key for key in plan.keys} | set(plan.ambiguous)
    fresh = [name for name in gathering.selected().keys if name not in old]
    pttls = await servers.each([("PTTL", name) for name in fresh])
    recipe = recipe_for(plan.request.kind)
    return sum(isinstance(pttl, int) and recipe.meets(pttl) for pttl in pttls)


async def _gather(gathering: Gathering, connection: OperatorConnection, control: RunControl, deadline: float) -> bool:
    """Scan one server. Return False if the scan did not finish."""
    cursor = b"0"
    while True:
        try:
            cursor, names = await connection.ask("SCAN", cursor, "COUNT", SCAN_COUNT)
        except ResponseError:
            return False
        gathering.add(names)
        if cursor == b"0":
            return True
        if control.cancel.is_set() or time.monotonic() > deadline:
            return False
        await asyncio.sleep(SCAN_PAUSE)
