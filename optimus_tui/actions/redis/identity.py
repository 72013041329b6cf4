"""Which server process a connection leads to, in which role, and as which user.

A server that does not report its run id is refused: it cannot be told from another one.
"""

import re
from collections.abc import Mapping

from redis.exceptions import NoPermissionError, ResponseError

from optimus_tui.actions.redis.operator_connection import OperatorConnection
from optimus_tui.contract.actions import Refusal, Where
from optimus_tui.grammar.info import parse_info
from optimus_tui.settings.model import RedisTarget, Settings
from optimus_tui.wording.safe import safe_text

_REMEDY = "plan again"
_RUN_ID = re.compile(r"[0-9a-f]{40}")


def operator_target(settings: Settings) -> RedisTarget:
    """Return the login for actions: the operator's own where there is one."""
    return settings.operator_redis or settings.redis


def where_of(settings: Settings, fields: Mapping[str, str]) -> Where | Refusal:
    """Return the identity from INFO's fields, for the operator's login, or why it is refused."""
    target = operator_target(settings)
    if not fields.get("run_id") or not fields.get("role"):
        return Refusal("no right", "the server does not say who it is: INFO is needed", "grant +info to the login")
    if not _RUN_ID.fullmatch(fields["run_id"]) or fields["role"] not in ("master", "slave"):
        answer = f"run_id {safe_text(fields['run_id'], 50)}, role {safe_text(fields['role'], 30)}"
        return Refusal("no right", f"what answers does not look like a Redis: {answer}", "check what listens there")
    if "cluster" in (fields.get("redis_mode"), fields.get("server_mode")):
        return Refusal("cluster", "this is a node of a cluster: clusters are not supported yet")
    return Where(
        environment=settings.environment,
        place=safe_text(target.path or f"{target.host}:{target.port}"),
        db=target.db,
        user=safe_text(target.username or "default", 80),
        run_id=fields["run_id"][:64],
        replid=fields.get("master_replid", "")[:64],
        role=fields["role"][:20],
        version=safe_text(fields.get("redis_version", ""), 20),
    )


def primary_only(where: Where) -> Refusal | None:
    """Refuse a replica: it takes no writes, and its subscribers are not the gateways."""
    if where.role == "master":
        return None
    return Refusal("replica", f"{where.place} is a {safe_text(where.role)}, not the primary", "point at the primary")


def moved(planned: Where, found: Where) -> Refusal | None:
    """Return why a plan for ``planned`` must not be carried out on ``found``; None where it may."""
    for field, words in (
        ("environment", "another environment"),
        ("place", "another server"),
        ("db", "another database"),
        ("user", "another user"),
        ("run_id", "another server process (run_id)"),
        ("role", "another role"),
    ):
        before, now = getattr(planned, field), getattr(found, field)
        if before != now:
            return Refusal("elsewhere", f"the plan was made for {words}: {before}, now {now}", _REMEDY)
    return None


async def read_where(connection: OperatorConnection, settings: Settings) -> Where | Refusal:
    """Ask the server for its identity.

    Raises:
        ConnectionLost: The connection ended.
    """
    server, replication, me = await connection.together(
        [("INFO", "server"), ("INFO", "replication"), ("ACL", "WHOAMI")]
    )
    for reply in (server, replication):
        if isinstance(reply, NoPermissionError):
            return Refusal("no right", "INFO is not allowed for this login", "grant +info to the login")
        if isinstance(reply, ResponseError):
            return Refusal("unreachable", f"the server answered {safe_text(reply, 120)}")
    found = where_of(settings, {**parse_info(server), **parse_info(replication)})
    named = operator_target(settings).username
    if isinstance(found, Where) and named and isinstance(me, bytes) and me != named.encode():
        return Refusal("elsewhere", f"logged in as {safe_text(me, 80)}, not as {safe_text(named, 80)}")
    return found
