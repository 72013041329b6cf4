"""The demo's tenants, how their users behave on an ordinary day, and the minimal clients that send their requests."""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

Writer = asyncio.StreamWriter
_TROUBLE = (OSError, EOFError, ValueError, TimeoutError, asyncio.LimitOverrunError)
WINDOW_SECONDS = 60.0
DICE = random.Random()  # noqa: S311 - traffic, no secrets
_POLITE_MARGIN = 18
"""Requests of a window that well-behaved chat users leave unused."""
_WORDS = (
    "Hello, can I book a visit for Tuesday?", "What does a check-up cost?", "I have to cancel my appointment.",
    "Are you open on Saturday?", "My insurance has changed, what do you need from me?", "Thank you!",
    "Could you move me to the afternoon?", "Is there parking near the practice?",
)  # fmt: skip


class RawResponse(NamedTuple):
    """One answer.

    Attributes:
        status: The HTTP status; 0 if no complete answer came.
        body: The raw body.
        remaining: Requests left in the caller's window; None if the answer does not say.
    """

    status: int
    body: bytes = b""
    remaining: int | None = None

    def json(self) -> Any:
        """Return the decoded body; None if it is not JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


class Http:
    """A keep-alive client for one host, with as many connections as there are requests at once."""

    def __init__(self, port: int, *, deadline: float = 5.0) -> None:
        self.port, self.deadline = port, deadline
        self._idle: list[tuple[asyncio.StreamReader, Writer]] = []

    async def ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: object = None
    ) -> RawResponse:
        """Send one request; ``body`` is sent as JSON, and ``path`` must be escaped already."""
        payload = b"" if body is None else json.dumps(body).encode()
        lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", f"Content-Length: {len(payload)}"]
        if payload:
            lines.append("Content-Type: application/json")
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        message = "\r\n".join(lines).encode() + b"\r\n\r\n" + payload
        try:
            async with asyncio.timeout(self.deadline):
                while self._idle:  # The server may have closed an idle connection: try the next, and at last a new one.
                    reused = self._idle.pop()
                    answer = await self._exchange(*reused, message)
                    if answer.status:
                        return answer
                return await self._exchange(*await asyncio.open_connection("127.0.0.1", self.port), message)
        except _TROUBLE:
            return RawResponse(0)

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop()[1].close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: Writer, message: bytes) -> RawResponse:
        kept = False
        try:
            writer.write(message)
            head = await reader.readuntil(b"\r\n\r\n")
            fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
            body = await reader.readexactly(int(fields.get(b"content-length", b"0")))
            kept = fields.get(b"connection") != b"close" and b"transfer-encoding" not in fields
            left = fields.get(b"x-ratelimit-remaining")
            return RawResponse(int(head[9:12]), body, None if left is None else int(left))
        except (OSError, EOFError, ValueError):
            return RawResponse(0)
        finally:
            if kept:
                self._idle.append((reader, writer))
            else:
                writer.close()


class Resp:
    """A RESP2 connection for injected faults: commands are sent together, replies come back in order."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._link: tuple[asyncio.StreamReader, Writer] | None = None
        self._turn = asyncio.Lock()

    async def send(self, *commands: tuple[bytes | str | int, ...]) -> list[Any] | None:
        """Return the replies (errors as ``RespError``), or None if the server did not answer."""
        message = b"".join(_encode(command) for command in commands)
        async with self._turn:
            try:
                async with asyncio.timeout(5):
                    if self._link is None:
                        self._link = await asyncio.open_connection("127.0.0.1", self.port)
                    reader, writer = self._link
                    writer.write(message)
                    await writer.drain()
                    return [await _decode(reader) for _ in commands]
            except _TROUBLE:
                self.close()
                return None

    async def scan(self, pattern: str) -> AsyncIterator[list[bytes]]:
        """Yield the names that match, page by page; ends early if the server does not answer."""
        cursor = b"0"
        while True:
            replies = await self.send(("SCAN", cursor, "MATCH", pattern, "COUNT", 500))
            if not replies or not isinstance(replies[0], list):
                return
            cursor, keys = replies[0]
            yield keys
            if cursor == b"0":
                return

    def close(self) -> None:
        """Close the connection. The next command opens a new one."""
        if self._link:
            self._link[1].close()
        self._link = None


class RespError(str):
    """The text of an error reply."""

    __slots__ = ()


def _encode(words: tuple[bytes | str | int, ...]) -> bytes:
    raw = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(raw) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in raw)


async def _decode(reader: asyncio.StreamReader) -> Any:
    line = (await reader.readuntil(b"\r\n"))[:-2]
    kind, rest = line[:1], line[1:]
    if rest == b"-1" and kind in b"$*":
        return None
    if kind == b":":
        return int(rest)
    if kind == b"$":
        return (await reader.readexactly(int(rest) + 2))[:-2]
    if kind == b"*":
        return [await _decode(reader) for _ in range(int(rest))]
    if kind == b"-":
        return RespError(rest.decode("utf-8", "backslashreplace"))
    if kind == b"+":
        return rest
    raise ValueError("not a reply of RESP2")


class Habits(NamedTuple):
    """A tenant's name, its number of conversations, and its users' chat messages and reads per second."""

    name: str
    conversations: int
    chats: float
    reads: float


# Together 135 conversations and some 280 cached answers at rest: beside the gateway's 30 to 40 tracking keys (one a
# tenant and kind that was written to) a ratio of about 0.13, and no tenant that reads or chats as usual reaches its
# limit.
TENANTS: tuple[Habits, ...] = (
    Habits("demo_dentist", 20, 1.8, 3.0),
    Habits("high_traffic", 28, 1.4, 3.1),
    Habits("enterprise_demo", 18, 0.6, 2.8),
    Habits("clinic_b", 13, 0.5, 1.8),
    Habits("clinic_a", 15, 0.4, 2.0),
    Habits("acme:eu", 11, 0.3, 1.6),
    Habits("acme", 10, 0.2, 1.2),
    Habits("law_nord", 8, 0.15, 1.0),
    Habits("salon_rosa", 6, 0.1, 0.8),
    Habits("night_pharmacy", 6, 0.05, 0.5),
)


class Users:
    """The users of one tenant. ``known``: ids of the conversations opened so far, the busy ones first."""

    def __init__(self, habits: Habits, gateway: Http) -> None:
        self.habits, self.gateway = habits, gateway
        self.known: list[str] = []
        self.silent = False
        """True while a scenario keeps the users from chatting."""
        self.chatting = 0
        """Messages sent that are not answered yet."""
        self._came_back = 0.0
        self._phones: dict[str, str] = {}
        self._chat_opens_at = 0.0
        self._window_began = 0.0
        self._remaining = 0

    async def ask(self, method: str, path: str, body: object = None) -> RawResponse:
        """Send one request as this tenant."""
        return await self.gateway.ask(method, path, {"X-Tenant-ID": self.habits.name}, body)

    async def chat(self, phone: str) -> RawResponse:
        """Send a message from this phone number; opens its conversation if there is none."""
        sent = time.monotonic()
        self.chatting += 1
        try:
            answer = await self.ask("POST", "/api/chat", {"phone": phone, "message": DICE.choice(_WORDS)})
        finally:
            self.chatting -= 1
        if sent >= self._came_back:
            self._note_window(answer)
        if answer.status == 200:
            conversation = str(answer.json()["conversation_id"])
            if conversation not in self._phones:
                self._phones[conversation] = phone
                self.known.append(conversation)
        return answer

    def _note_window(self, answer: RawResponse) -> None:
        now = time.monotonic()
        if answer.status == 429:
            self._remaining, self._chat_opens_at = 0, self._window_began + WINDOW_SECONDS
        if answer.remaining is None:
            return
        if answer.remaining > self._remaining:
            self._window_began = now
        self._remaining = answer.remaining
        if answer.remaining <= _POLITE_MARGIN:
            self._chat_opens_at = self._window_began + WINDOW_SECONDS

    @property
    def may_chat(self) -> bool:
        """Return False near the limit, and while a scenario keeps the users from sending messages."""
        return not self.silent and time.monotonic() >= self._chat_opens_at

    def come_back(self) -> None:
        """Let the users chat again, even if they were refused before or are still waiting for a refusal."""
        self.silent, self._chat_opens_at, self._came_back = False, 0.0, time.monotonic()

    async def open_one(self, looks: int = 5) -> RawResponse | None:
        """Send the next new customer's first message and read the answer ``looks`` times.

        Returns:
            The answer; None if no new customer comes.
        """
        number = len(self.known)
        if number >= self.habits.conversations or not self.may_chat:
            return None
        answer = await self.chat(f"+49 30 5550 {number:04d}")
        if answer.status == 200:
            opened = self.known[-1]
            for _ in range(looks):
                await self.look_at(opened, messages=True)
                await self.look_at(opened, messages=False)
        return answer

    async def chat_somewhere(self) -> None:
        """Send an everyday message, nearly always in one of the few busy conversations."""
        if self.known and self.may_chat:
            await self.chat(self._phones[DICE.choice(self._busy())])

    async def look(self) -> None:
        """Send an everyday read request."""
        dice = DICE.random()
        if dice < 0.03 or not self.known:
            await self.ask("GET", "/api/conversations?limit=50")
        elif dice < 0.08:
            await self.ask("GET", "/api/profile")
        elif dice < 0.09:
            await self.ask("GET", f"/api/conversations/{quote(DICE.choice(self.known))}/export")
        else:
            idle = self.known[len(self._busy()) :]
            chosen = DICE.choice(idle if idle and DICE.random() < 0.93 else self._busy())
            await self.look_at(chosen, messages=DICE.random() < 0.42)

    async def look_at(self, conversation: str, *, messages: bool) -> RawResponse:
        """Read one conversation or its messages.

        If the engine lost it (it was restarted), the customer writes again.
        """
        path = f"/api/conversations/{quote(conversation)}{'/messages' * messages}"
        answer = await self.ask("GET", path)
        if answer.status == 404 and not self.silent and conversation in self._phones:
            await self.chat(self._phones[conversation])
        return answer

    async def work(self) -> None:
        """Send what the staff does now and then: file, rename, delete and open conversations, change the profile."""
        if not self.known:
            return
        path = f"/api/conversations/{quote(DICE.choice(self.known))}"
        dice = DICE.random()
        if dice < 0.45:
            await self.ask("POST", f"{path}/messages", {"role": "agent", "text": "I will look into it."})
        elif dice < 0.8:
            await self.ask("PATCH", path, {"title": f"Request of {time.strftime('%H:%M')}"})
        elif dice < 0.9:
            await self.ask("PUT", "/api/profile", {"display_name": f"{self.habits.name} front desk"})
        else:
            await self.ask("DELETE", path)
            phone = self._phones[path.rsplit("/", 1)[1]]
            await self.ask("POST", "/api/conversations", {"phone": phone, "title": "Asked to be called"})

    def _busy(self) -> list[str]:
        return self.known[: max(1, len(self.known) // 8)]


async def greet(users: Users, customers: int) -> None:
    """Open a tenant's day: a few customers write, and their conversations and the lists are read."""
    await asyncio.gather(users.ask("GET", "/api/conversations?limit=50"), users.ask("GET", "/api/profile"))
    for _ in range(min(customers, users.habits.conversations)):
        await users.open_one()
    await users.ask("GET", "/api/conversations?limit=50")
