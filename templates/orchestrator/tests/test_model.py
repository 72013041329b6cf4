"""The optional model, against a stand-in that listens on loopback and speaks the protocol byte by byte."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from conftest import TENANT

from ai_engine.app import app
from ai_engine.contract import Item
from ai_engine.model import MOST_CHARACTERS, Model, ModelSettings, load_model_settings, open_model

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
QUOTED = "Prices says: “A cleaning costs 60 euros.” (demo_dentist)"


def event(content: str | None = None, **more: Any) -> bytes:
    """Return one event of a streamed completion."""
    choices = [] if content is None else [{"index": 0, "delta": {"content": content}, "finish_reason": None}]
    return f"data: {json.dumps({'choices': choices, **more})}\n\n".encode()


DONE = b"data: [DONE]\n\n"
TOKENS = event(usage={"prompt_tokens": 30, "completion_tokens": 5})


def sends(*parts: bytes) -> Answer:
    """Return an answer of these parts, each sent by itself."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)

    return answer


async def never(writer: asyncio.StreamWriter) -> None:
    """Begin an answer and go on for longer than anybody waits."""
    await sends(HEAD, event("A cleaning"))(writer)
    await asyncio.sleep(60)


class StandIn:
    """A server that notes what it was asked and gives one kind of answer."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.heads: list[bytes] = []
        self.bodies: list[Any] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        self.heads.append(head)
        self.bodies.append(json.loads(await reader.readexactly(length)))
        try:
            await self._answer(writer)
        finally:
            writer.close()


@asynccontextmanager
async def asking(
    answer: Answer, seconds: float = 10
) -> AsyncIterator[tuple[httpx.AsyncClient, StandIn, Model]]:
    """Give a client of an engine whose tenant has one document, its model's stand-in, and the model."""
    stand_in = StandIn(answer)
    tasks: set[asyncio.Task[None]] = set()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.create_task(stand_in.serve(reader, writer)))

    server = await asyncio.start_server(begin, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = ModelSettings(f"http://127.0.0.1:{port}/v1", "tiny", "secret-key", seconds)
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://engine", headers=TENANT)
    try:
        async with open_model(settings) as app.state.model, client:
            await client.post(
                "/api/documents", json={"title": "Prices", "text": "A cleaning costs 60 euros."}
            )
            yield client, stand_in, app.state.model
    finally:
        app.state.model = None
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def chat(client: httpx.AsyncClient, message: str = "What does a cleaning cost?") -> Item:
    """Return the answer to a message."""
    answer = await client.post("/api/chat", json={"phone": "+1", "message": message})
    assert answer.status_code == 200
    found: Item = answer.json()
    return found


@pytest.fixture(autouse=True)
def fresh_store(engine: httpx.AsyncClient) -> None:
    """Begin with an empty store."""


async def test_the_model_words_the_reply_from_the_sources() -> None:
    async with asking(sends(HEAD, event("It costs "), event("60 €."), TOKENS, DONE)) as (client, stand_in, _):
        answer = await chat(client)
        health = (await client.get("/health")).json()
    assert answer["reply"] == "It costs 60 €. (demo_dentist)"
    assert [each["title"] for each in answer["sources"]] == ["Prices"]
    assert answer["model"] == {"used": True, "error": None, "prompt_tokens": 30, "completion_tokens": 5}
    assert stand_in.heads[0].startswith(b"POST /v1/chat/completions ")
    assert b"authorization: bearer secret-key" in stand_in.heads[0].lower()
    asked = stand_in.bodies[0]
    assert (asked["model"], asked["stream"]) == ("tiny", True)
    assert "[1] Prices says: “A cleaning costs 60 euros.”" in asked["messages"][1]["content"]
    assert health["model"] == {
        "name": "tiny",
        "requests": 1,
        "requests_failed": 0,
        "prompt_tokens": 30,
        "completion_tokens": 5,
        "replies_without_token_counts": 0,
        "last_error": None,
    }


async def test_without_sources_the_model_is_not_asked() -> None:
    async with asking(sends(HEAD, event("Sure!"), DONE)) as (client, stand_in, _):
        answer = await chat(client, "Do you sell bicycles?")
    assert answer["reply"].startswith("I do not know")
    assert (answer["model"], stand_in.bodies) == (None, [])


async def test_token_counts_that_are_not_told_are_unknown() -> None:
    async with asking(sends(HEAD, event("60 €"), DONE)) as (client, _, model):
        answer = await chat(client)
    assert answer["model"] == {"used": True, "error": None, "prompt_tokens": None, "completion_tokens": None}
    assert (model.usage.prompt_tokens, model.usage.without_tokens) == (0, 1)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (sends(b"HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\nsick"), "status 500"),
        (
            sends(b"HTTP/1.1 307 Away\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"),
            "status 307",
        ),
        (sends(HEAD, event("It costs")), "the reply broke off"),
        (sends(HEAD, DONE), "the reply broke off"),
        (sends(HEAD, b"data: {\n\n"), "the reply cannot be read"),
        (sends(HEAD, b'data: {"choices": [3]}\n\n'), "the reply cannot be read"),
        (
            sends(HEAD, event("x", usage={"prompt_tokens": -1, "completion_tokens": 1})),
            "the reply cannot be read",
        ),
        (sends(HEAD, b"data: " + b"x" * 1_100_000), "the reply cannot be read"),
        (sends(b"no http\r\n\r\n"), "the connection failed: RemoteProtocolError"),
    ],
)
async def test_where_the_model_fails_the_sources_are_quoted(answer: Answer, error: str) -> None:
    async with asking(answer) as (client, _, model):
        told = await chat(client)
    assert told["reply"] == QUOTED
    assert (told["model"]["used"], told["model"]["error"]) == (False, error)
    assert (model.usage.failures, model.usage.last_error) == (1, error)


async def test_a_model_that_takes_too_long_is_left() -> None:
    async with asking(never, seconds=0.2) as (client, _, _model):
        told = await chat(client)
    assert (told["reply"], told["model"]["error"]) == (QUOTED, "no whole reply in time")


async def test_a_reply_without_end_is_cut_off() -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        await sends(HEAD)(writer)
        while True:
            await sends(event("word " * 100))(writer)

    async with asking(endless) as (client, _, _model):
        told = await chat(client)
    assert told["model"]["used"] and MOST_CHARACTERS - 10 < len(told["reply"]) < MOST_CHARACTERS + 20


async def test_a_stream_passes_words_on_before_the_reply_is_whole() -> None:
    go_on = asyncio.Event()

    async def two_halves(writer: asyncio.StreamWriter) -> None:
        await sends(HEAD, event("It costs "))(writer)
        await go_on.wait()
        await sends(event("60 €."), DONE)(writer)

    async with asking(two_halves) as (client, _, _model):
        chat_ = {"phone": "+1", "message": "What does a cleaning cost?"}
        parts: list[bytes] = []
        first = asyncio.Event()

        async def send(message: Any) -> None:
            if message.get("body"):
                parts.append(message["body"])
                first.set()

        body = json.dumps(chat_).encode()
        received = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Any:
            return received.pop() if received else await asyncio.Event().wait()

        headers = [(b"x-tenant-id", b"demo_dentist"), (b"content-type", b"application/json")]
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/api/chat/stream",
            "query_string": b"",
            "headers": headers,
        }
        scope |= {"http_version": "1.1", "scheme": "http", "root_path": "", "asgi": {"version": "3.0"}}
        running = asyncio.create_task(app(scope, receive, send))
        await asyncio.wait_for(first.wait(), 20)
        assert parts == [b'event: words\ndata: "It costs "\n\n']
        go_on.set()
        await asyncio.wait_for(running, 20)
        kept = (await client.get("/api/conversations")).json()["items"][0]
    last = json.loads(parts[-1].split(b"data: ")[1])
    assert parts[-1].startswith(b"event: answer\n") and last["reply"] == "It costs 60 €. (demo_dentist)"
    assert kept["message_count"] == 2


def test_settings_are_off_by_default_and_name_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_BASE_URL", "OPENAI_MODEL", "OPENAI_API_KEY", "OPENAI_TIMEOUT_SECONDS"):
        monkeypatch.delenv(name, raising=False)
    assert load_model_settings() is None
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1/")
    with pytest.raises(ValueError, match="OPENAI_MODEL"):
        load_model_settings()
    monkeypatch.setenv("OPENAI_MODEL", "tiny")
    monkeypatch.setenv("OPENAI_API_KEY", "secret-key")
    settings = load_model_settings()
    assert settings == ModelSettings("http://127.0.0.1:1/v1", "tiny", "secret-key", 4.0)
    assert "secret-key" not in repr(settings)
    for wrong in ("0", "soon", "nan", "601"):
        monkeypatch.setenv("OPENAI_TIMEOUT_SECONDS", wrong)
        with pytest.raises(ValueError, match="OPENAI_TIMEOUT_SECONDS"):
            load_model_settings()
