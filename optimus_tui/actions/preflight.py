"""The last checks before anything is sent: words, age, server, rights, and what changed since the plan.

The first failed check refuses the action. The checks change nothing on the server.
"""

from collections.abc import Sequence

from msgspec import structs
from redis.exceptions import ResponseError

from optimus_tui.actions.action_log import kept, plan_file, receipt_file
from optimus_tui.actions.dependencies import ActionDependencies
from optimus_tui.actions.planning import digest_of
from optimus_tui.actions.preview import foreign
from optimus_tui.actions.redis.identity import moved, primary_only, read_where
from optimus_tui.actions.redis.key_actions import channel_of, recipe_for
from optimus_tui.actions.redis.key_selection import check_request
from optimus_tui.actions.redis.operator_connection import OperatorConnection
from optimus_tui.contract.actions import Confirmation, Plan, Receipt, Refusal
from optimus_tui.wording.numbers import plural
from optimus_tui.wording.safe import safe_text

MAX_AGE_SECONDS = 60.0
MAX_DRIFT = 0.10
MIN_REASON = 3
_ANEW = "plan again"


def check_words(
    dependencies: ActionDependencies, plan: Plan, expected: str, confirmation: Confirmation
) -> Refusal | None:
    """Check that this server is armed, the words are right and a reason is given."""
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
    """Check that the plan is complete, fresh and was not carried out before.

    Returns:
        None if it may be carried out, why not, or the stored receipt if exactly this plan was carried out before.
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
    if foreign(plan) or plan.count > plan.request.max_keys:
        return Refusal("request", "the plan holds keys of others, or too many", _ANEW)
    if dependencies.clock.mono() - plan.made_mono > MAX_AGE_SECONDS:
        return Refusal("stale", f"the plan is older than {MAX_AGE_SECONDS:.0f} s", _ANEW)
    return check_request(plan.request)


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
    key = plan.keys[0].key if plan.keys else b"cache:optimus:nobody:nothing"
    for command in sorted(recipe_for(plan.request.kind).commands):
        words: dict[str, Sequence[str | bytes]] = {
            "UNLINK": ("UNLINK", key),
            "EXPIRE": ("EXPIRE", key, "60"),
            "PUBLISH": ("PUBLISH", channel_of(plan.request), b"{}"),
        }
        probes.append(words[command])
    user = connection.target.username or "default"
    for probe, reply in zip(
        probes, await connection.together([("ACL", "DRYRUN", user, *probe) for probe in probes]), strict=True
    ):
        if not isinstance(reply, ResponseError) and reply != b"OK":
            name = str(probe[0]).lower()
            return Refusal("no right", f"user {safe_text(user, 60)} may not {name.upper()} there", f"grant +{name}")
    return None
