"""The commands that the feed may send, and an event loop that resolves names in a daemon thread.

Commands outside of the observer's list are refused. A name server that does not answer cannot delay the end of the
process.
"""

import asyncio
import contextlib
import socket
import threading
from typing import Any

import hiredis

from optimus_tui.probes.redis.commands import CommandRefused, cleared
from optimus_tui.settings.model import RedisTarget

CONNECT_SECONDS = 2.0
_OURS = frozenset((b"AUTH", b"CLIENT", b"SELECT", b"PSUBSCRIBE", b"PING", b"LRANGE"))
CLIENT_NAME = b"optimus-tui-feed"


def packed(*words: bytes, db: int = 0) -> bytes:
    """Return one command as bytes for the socket; CommandRefused for one that is not on the list."""
    if words[0] not in _OURS:
        raise CommandRefused(f"{words[0][:40]!r} is none of the feed's commands")
    return bytes(hiredis.pack_command(cleared(words, db)))  # type: ignore[arg-type]


def error_line(reply: object) -> str | None:
    """Return the text of an error reply; None for any other reply."""
    if isinstance(reply, hiredis.ReplyError):
        return str(reply)
    return None


def greeting(target: RedisTarget, named: bool = True) -> list[tuple[bytes, ...]]:
    """Return the commands that open a connection. No database is selected, because pub/sub has none.

    ``named`` False leaves out the client's name, for a proxy that closes the connection on it.
    """
    commands: list[tuple[bytes, ...]] = []
    if target.password:
        login = (target.username.encode(),) if target.username else ()
        commands.append((b"AUTH", *login, target.password.reveal().encode()))
    if named:
        commands.append((b"CLIENT", b"SETNAME", CLIENT_NAME))
    return commands


class FeedLoop(asyncio.SelectorEventLoop):
    """An event loop that resolves addresses in a daemon thread.

    The usual pool is joined when the process ends, so a name server that does not answer would keep the process alive
    for half a minute after the operator has quit.
    """

    async def getaddrinfo(self, host: Any, port: Any, **options: Any) -> Any:
        """Resolve an address as the base class does, in a daemon thread."""
        answer: asyncio.Future[Any] = self.create_future()

        def ask() -> None:
            try:
                found: object = socket.getaddrinfo(host, port, **_named(options))
            except (OSError, UnicodeError) as error:
                if isinstance(error, OSError):
                    found = error
                else:
                    found = socket.gaierror(socket.EAI_NONAME, "no such name")
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
