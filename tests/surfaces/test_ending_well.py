"""An application that is cancelled or has a bug leaves no answer open, and no traceback is printed."""

import asyncio
from typing import Any

import pytest

from optimus_tui.serving.asgi import App, Gone, Receive, Scope, Send, with_complete_answers

BEGUN = {"type": "http.response.start", "status": 200, "headers": []}
BUG = ValueError("redis://user:hunter2@host")


async def nothing() -> Any:
    return {"type": "http.disconnect"}


async def answer_of(error: BaseException, begun: bool) -> list[Any]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if begun:
            await send(BEGUN)
        raise error

    whole: App = with_complete_answers(app)
    await whole({"type": "http"}, nothing, send)
    return sent


@pytest.mark.parametrize(
    ("error", "status"), [(asyncio.CancelledError(), 503), (BUG, 500), (Gone(), 503)], ids=["cancelled", "bug", "gone"]
)
async def test_before_the_answer_began_there_is_a_short_one(
    error: BaseException, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    start, body = await answer_of(error, begun=False)
    assert start["status"] == status and len(body["body"]) < 500
    assert "hunter2" not in caplog.text + str(body) and "Traceback" not in caplog.text


@pytest.mark.parametrize("error", [asyncio.CancelledError(), BUG], ids=["cancelled", "bug"])
async def test_an_answer_that_began_is_brought_to_its_end(error: BaseException) -> None:
    assert (await answer_of(error, begun=True))[1:] == [{"type": "http.response.body", "body": b"", "more_body": False}]
