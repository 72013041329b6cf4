"""Helpers for tests that change a real server through the desk, and nothing else."""

import re
import shlex
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from optimus_tui.actions.service import VERIFY_SECONDS, ActionService
from optimus_tui.clock import Clock
from optimus_tui.context import Context
from optimus_tui.contract.actions import ActionRequest, Confirmation, Plan, Progress, Receipt, Refusal
from optimus_tui.settings.model import RedisTarget, Settings
from optimus_tui.settings.tuning import TUNING, Tuning
from tests.realserver import RealServer, nobody_port

LOGIN_PAGE = Path(__file__).parents[3] / "docs" / "security.md"


CALM = Tuning(ping_room_ms=60_000.0, ping_most_ms=60_000.0, replicas_seconds=30.0)
"""No action stops because this machine is busy: for processes and tests that are about something else."""


def local(port: int, **more: Any) -> RedisTarget:
    return RedisTarget(host="127.0.0.1", port=port, **more)


@asynccontextmanager
async def at_desk(
    port: int,
    folder: Path,
    clock: Clock | None = None,
    *,
    verify_seconds: float = VERIFY_SECONDS,
    tuning: Tuning = TUNING,
    **more: Any,
) -> AsyncIterator[ActionService]:
    """A desk of the environment ``test`` on a server, with its state in ``folder``."""
    nobody = f"http://127.0.0.1:{nobody_port()}"
    fields = {"environment": "test", "writable": True, "redis": local(port), "gateway_url": nobody, **more}
    context = Context(Settings(**fields), clock, tuning=tuning)
    action_service = ActionService(context, folder, verify_seconds=verify_seconds)
    try:
        yield action_service
    finally:
        action_service.close()
        await context.aclose()


@asynccontextmanager
async def armed(port: int, folder: Path, clock: Clock | None = None, **more: Any) -> AsyncIterator[ActionService]:
    async with at_desk(port, folder, clock, **more) as action_service:
        arming = await action_service.arm("test")
        assert not isinstance(arming, Refusal), arming
        yield action_service


async def planned(action_service: ActionService, kind: str, tenant: bytes = b"acme", **more: Any) -> Plan:
    plan = await action_service.plan(ActionRequest(kind=kind, tenant=tenant, **more))  # type: ignore[arg-type]
    assert isinstance(plan, Plan), plan
    return plan


def confirmation(plan: Plan, reason: str = "a test") -> Confirmation:
    return Confirmation(f"{plan.where.environment} {plan.count}", reason)


async def carried_out(
    action_service: ActionService, plan: Plan, cancel: threading.Event | None = None, report: Any = None
) -> Receipt:
    receipt = await action_service.apply(plan, confirmation(plan), cancel or threading.Event(), report or ignore)
    assert isinstance(receipt, Receipt), receipt
    return receipt


async def refused(action_service: ActionService, plan: Plan, **more: Any) -> str:
    answer = await action_service.apply(plan, more.get("words") or confirmation(plan), threading.Event(), ignore)
    assert isinstance(answer, Refusal), answer
    return answer.code


def ignore(progress: Progress) -> None:
    return


def put(server: RealServer, *names: bytes | str, ttl: int | None = None, value: str = "7") -> None:
    """Plain string keys, in one go."""
    import socket

    lines = b""
    for name in names:
        raw = name if isinstance(name, bytes) else name.encode()
        words = [b"SET", raw, value.encode(), *([b"EX", b"%d" % ttl] if ttl else [])]
        lines += b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)
    with socket.create_connection(("127.0.0.1", server.port), 10) as link:
        link.sendall(lines)
        answered = b""
        while answered.count(b"+OK\r\n") < len(names):
            answered += link.recv(1 << 16)


def number(server: RealServer, *words: str | bytes) -> int:
    return int(server.command(*words).strip().lstrip(b":"))


@contextmanager
def subscriber(server: RealServer, channel: bytes) -> Iterator[Any]:
    """A raw subscription; ``recv`` of what comes."""
    import socket

    with socket.create_connection(("127.0.0.1", server.port), 5) as link:
        link.sendall(b"*2\r\n$9\r\nSUBSCRIBE\r\n$%d\r\n%s\r\n" % (len(channel), channel))
        link.recv(4096)
        yield link


def add_operator(server: RealServer, *changes: str, selectors: bool = True) -> RedisTarget:
    """The recommended operator with changes; its login."""
    from optimus_tui.settings.model import Secret

    words = [word for word in operator_rights() if selectors or not word.startswith("(")]
    reply = server.command("ACL", "SETUSER", "optimus_operator", *words, *changes)
    assert reply == b"+OK\r\n", reply
    return local(server.port, username="optimus_operator", password=Secret("CHANGE-ME"))


def operator_rights() -> list[str]:
    """The words of the login for actions that the documentation recommends."""
    found = re.search(r"^ACL SETUSER optimus_operator (.+)$", LOGIN_PAGE.read_text("utf-8"), re.MULTILINE)
    assert found, f"{LOGIN_PAGE} names no operator any more"
    return shlex.split(found[1])
