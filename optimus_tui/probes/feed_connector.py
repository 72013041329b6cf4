"""What the feed may say to the server, and a loop that never waits for a name server at its end.

It refuses what the observer's list does not hold, and never waits for a name server in a thread that could hold up
the end of the process.
"""

import asyncio
import contextlib
import socket
import threading
from typing import Any

import hiredis

from optimus_tui.probes.commands import CommandRefused, cleared
from optimus_tui.settings.model import RedisTarget

CONNECT_SECONDS = 2.0
_OURS = frozenset((b"AUTH", b"CLIENT", b"SELECT", b"PSUBSCRIBE", b"PING", b"LRANGE"))
CLIENT_NAME = b"optimus-tui-feed"


def packed(*words: bytes, db: int = 0) -> bytes:
    """One command as it goes over the wire, or CommandRefused."""
    if words[0] not in _OURS:
        raise CommandRefused(f"{words[0][:40]!r} is none of the feed's commands")
    return bytes(hiredis.pack_command(cleared(words, db)))  # type: ignore[arg-type]


def greeting(target: RedisTarget, named: bool = True) -> list[tuple[bytes, ...]]:
    """The commands that open a connection, without a database: pub/sub knows none.

    ``named`` False leaves out the client's name, for a proxy that hangs up on it.
    """
    commands: list[tuple[bytes, ...]] = []
    if target.password:
        login = (target.username.encode(),) if target.username else ()
        commands.append((b"AUTH", *login, target.password.reveal().encode()))
    if named:
        commands.append((b"CLIENT", b"SETNAME", CLIENT_NAME))
    return commands


class FeedLoop(asyncio.SelectorEventLoop):
    """An event loop that asks for addresses in a daemon thread.

    The usual pool is joined when the process ends: a name server that does not answer would keep the process for
    half a minute after the operator has quit.
    """

    async def getaddrinfo(self, host: Any, port: Any, **options: Any) -> Any:
        """As the loop's own, from another thread."""
        answer: asyncio.Future[Any] = self.create_future()

        def ask() -> None:
            try:
                found: object = socket.getaddrinfo(host, port, **_named(options))
            except (OSError, UnicodeError) as error:
                found = error if isinstance(error, OSError) else socket.gaierror(socket.EAI_NONAME, "no such name")
            with contextlib.suppress(RuntimeError):  # the loop ended meanwhile: nobody waits any more
                self.call_soon_threadsafe(give, found)

        def give(found: object) -> None:
            if not answer.done():
                if isinstance(found, OSError):
                    answer.set_exception(found)
                else:
                    answer.set_result(found)

        threading.Thread(target=ask, name="optimus-feed-names", daemon=True).start()
        return await answer


def _named(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value}
