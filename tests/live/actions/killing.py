"""kill -9 at a random point of an action, and what must hold after it: used by the suite (few) and the bench (many)."""

import asyncio
import random
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

from optimus_tui.contract.actions import Confirmation, Interrupted, Receipt
from optimus_tui.history.audit.chain import read, verify
from optimus_tui.history.audit.log import unquoted
from tests.live.actions.driver import armed, carried_out, ignore, planned, put
from tests.realserver import RealServer

NEIGHBOURS = ("rate_limit:acme:chat", "cache:conv:acme2:1", "cache:conv:other:acme:1", "cache:acme:other:1")


class Aftermath(NamedTuple):
    unaudited: int
    foreign_lost: int
    left_after_resume: int
    killed_in: str


async def kill_once(server: RealServer, folder: Path, keys: int, dice: random.Random, kind: str) -> Aftermath:
    """One action on ``keys`` keys, killed at random, judged by the audit, resumed here."""
    server.command("FLUSHALL")
    names = [f"cache:conv:acme:{index}".encode() for index in range(keys)]
    put(server, *names)
    put(server, *NEIGHBOURS)
    after = dice.uniform(0, 0.02 + keys / 100 * 0.009)
    await asyncio.to_thread(_start_and_kill, server, folder, kind, after, dice.random() < 0.5)
    there = _there(server, names)
    intended: set[bytes] = set()
    state = "before the plan was kept"
    for record in read(folder / "audit.jsonl"):
        state = record["event"]
        if state == "intent":
            intended |= {unquoted(key) for key in record["keys"]}
    unaudited = len(set(names) - there - intended)
    assert verify(folder / "audit.jsonl").problem is None
    await _go_on(server, folder)
    left = len(_there(server, names))
    if left == keys and state in ("armed", "disarmed", "planned", "before the plan was kept"):
        left = 0  # nothing was confirmed, so nothing was done, and nothing is there to be resumed
    lost = len(NEIGHBOURS) - len(_there(server, [name.encode() for name in NEIGHBOURS]))
    return Aftermath(unaudited, lost, left, state)


def _start_and_kill(server: RealServer, folder: Path, kind: str, after: float, begun: bool) -> None:
    """So many seconds after it is ready, or, where a busy machine would never let it come so far, after it began."""
    words = [sys.executable, "-m", "tests.live.actions.doomed", str(server.port), str(folder), kind]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    process.stdout.readline()
    if begun:
        process.stdout.readline()
    time.sleep(after)
    process.kill()
    process.wait()
    process.stdout.close()


async def _go_on(server: RealServer, folder: Path) -> None:
    async with armed(server.port, folder) as action_service:
        for one in action_service.interrupted():
            assert isinstance(one, Interrupted) and one.why_not is None
            answer = await action_service.resume(
                one, Confirmation(one.confirm, "it was killed"), threading.Event(), ignore
            )
            assert isinstance(answer, Receipt) and answer.verified and answer.resumed, answer
            assert answer.there_again == 0
            if answer.counts.get("left", 0):
                assert "the server is slow" in (answer.stopped or ""), answer.stopped
                await carried_out(action_service, await planned(action_service, one.plan.request.kind))
        assert action_service.interrupted() == []
    assert verify(folder / "audit.jsonl").problem is None


def _there(server: RealServer, names: list[bytes]) -> set[bytes]:
    import socket

    found = set()
    lines = b"".join(b"*2\r\n$6\r\nEXISTS\r\n$%d\r\n%s\r\n" % (len(name), name) for name in names)
    with socket.create_connection(("127.0.0.1", server.port), 10) as link:
        link.sendall(lines)
        answered = b""
        while answered.count(b"\r\n") < len(names):
            answered += link.recv(1 << 16)
    for name, reply in zip(names, answered.split(b"\r\n"), strict=False):
        if reply == b":1":
            found.add(name)
    return found
