"""Nothing of ours stays open where a task is cancelled, or a client closed, in the middle of connecting.

Each case runs again and again, interrupted at its first wait, its second, and so on, until one run is through.
"""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from typing import Any, Literal

import psutil
import pytest

from optimus_tui.actions.redis.operator_connection import Permit, open_operator_connection
from optimus_tui.dialects.feeds.messages import subscription_of
from optimus_tui.dialects.layout import own_layout
from optimus_tui.probes.events.link import FeedLink
from optimus_tui.probes.http.fetch import new_http_client
from optimus_tui.probes.http.services import look
from optimus_tui.probes.load_meter import LoadMeter
from optimus_tui.probes.port_protocol import spoken_at
from optimus_tui.probes.redis.dialing import Connector
from optimus_tui.probes.redis.observer import observer_client
from optimus_tui.settings.model import RedisTarget
from tests.hostile import hostile_server, reply
from tests.realserver import RealServer

pytestmark = pytest.mark.live

When = Literal["while it waits", "once it has what it waited for"]


class Interrupted:
    """A coroutine that calls ``act`` at its wait number ``at``, from 1; ``waits`` counts them."""

    def __init__(
        self, work: Coroutine[Any, Any, object], at: int, act: Callable[[], object], when: When = "while it waits"
    ) -> None:
        self._work, self._at, self._act, self._when, self.waits = work, at, act, when, 0

    def __await__(self) -> Generator[Any, Any, None]:
        work = self._work.__await__()
        resume: Callable[[Any], Any] = work.send
        given: Any = None
        while True:
            try:
                awaited = resume(given)
            except StopIteration:
                return
            self.waits += 1
            if self.waits == self._at:
                self._plan(awaited)
            try:
                resume, given = work.send, (yield awaited)
            except BaseException as error:
                resume, given = work.throw, error

    def _plan(self, awaited: Any) -> None:
        if awaited is None or self._when == "while it waits":
            asyncio.get_running_loop().call_soon(self._act)
            return
        awaited._asyncio_future_blocking = False  # so that this callback comes before the task's own
        awaited.add_done_callback(lambda _: self._act())
        awaited._asyncio_future_blocking = True


async def none_is_left(port: int) -> None:
    """Assert that no connection of ours to the port is open, a few turns of the loop later."""
    for _ in range(20):
        await asyncio.sleep(0)
    found = [one for one in psutil.Process().net_connections("tcp") if one.raddr and one.raddr.port == port]
    assert [one for one in found if one.status == psutil.CONN_ESTABLISHED] == []


async def cancelled_everywhere(work: Callable[[], Coroutine[Any, Any, object]], port: int, when: When) -> int:
    """Run ``work``, cancelled at each of its waits in turn; return the number of waits it takes to its end."""
    at = 0
    while True:
        at += 1
        tasks: list[asyncio.Task[None]] = []
        run = Interrupted(work(), at, lambda tasks=tasks: tasks[0].cancel(), when)  # type: ignore[misc]
        tasks.append(asyncio.create_task(_wait_for(run)))
        (ended,) = await asyncio.gather(*tasks, return_exceptions=True)
        await none_is_left(port)
        if run.waits < at:
            assert ended is None
            return run.waits


async def _wait_for(run: Interrupted) -> None:
    await run


async def command(target: RedisTarget) -> None:
    redis = observer_client(target, LoadMeter())
    try:
        await redis.ping()
    finally:
        await redis.aclose()


async def feed(target: RedisTarget) -> None:
    link = FeedLink(
        Connector(target), LoadMeter(), lambda batch: None, lambda: None, subscription_of(own_layout().dialect)
    )
    try:
        await link.open()
    finally:
        link.close()


async def action(target: RedisTarget) -> None:
    connection = await open_operator_connection(target, Permit(), LoadMeter())
    try:
        await connection.ask("ACL", "WHOAMI")
    finally:
        await connection.close()


async def question(target: RedisTarget) -> None:
    await spoken_at(target.host, target.port, "HTTP")


everywhere = pytest.mark.parametrize("when", ["while it waits", "once it has what it waited for"])
hosts = pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])


@everywhere
@hosts
@pytest.mark.parametrize("work", [command, feed, action, question])
async def test_what_is_cancelled_leaves_no_connection_to_redis(
    server: RealServer, work: Callable[[RedisTarget], Coroutine[Any, Any, None]], host: str, when: When
) -> None:
    target = RedisTarget(host=host, port=server.port)
    assert await cancelled_everywhere(lambda: work(target), server.port, when) >= 2


@everywhere
@hosts
async def test_a_request_that_is_cancelled_leaves_no_connection(host: str, when: When) -> None:
    async with hostile_server() as web:
        web.on("/health", reply(b'{"status":"ok"}'))
        port = int(web.url.rpartition(":")[2])

        async def ask() -> None:
            async with new_http_client() as client:
                await look(client, f"http://{host}:{port}/health")

        assert await cancelled_everywhere(ask, port, when) >= 4


async def closed_everywhere(
    make: Callable[[], Any], use: Callable[[Any], Coroutine[Any, Any, object]], port: int
) -> int:
    """Close what ``make`` returns at each wait of its user in turn, and let the user go on to its end."""
    at = 0
    while True:
        at += 1
        client = make()
        closing: list[asyncio.Task[None]] = []
        run = Interrupted(use(client), at, partial(_close, client, closing))
        await asyncio.gather(_wait_for(run), return_exceptions=True)
        await asyncio.gather(*closing)
        if not closing:
            await client.aclose()
        await none_is_left(port)
        if run.waits < at:
            return run.waits


def _close(client: Any, closing: list[asyncio.Task[None]]) -> None:
    closing.append(asyncio.create_task(client.aclose()))


async def test_a_redis_client_that_is_closed_while_it_connects_leaves_no_connection(server: RealServer) -> None:
    target = RedisTarget(host="127.0.0.1", port=server.port)
    assert await closed_everywhere(lambda: observer_client(target, LoadMeter()), lambda one: one.ping(), server.port)


async def test_an_http_client_that_is_closed_while_it_connects_leaves_no_connection() -> None:
    async with hostile_server() as web:
        web.on("/health", reply(b'{"status":"ok"}'))
        port = int(web.url.rpartition(":")[2])
        assert await closed_everywhere(new_http_client, lambda one: look(one, f"{web.url}/health"), port)
