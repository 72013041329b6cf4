"""Replies from what a tenant has, in memory and in Postgres: quoted with its source, or not known."""

from collections.abc import AsyncIterator

import httpx
import pytest
from conftest import TENANT

from ai_engine.app import app
from ai_engine.contract import Item
from ai_engine.retrieval import QUOTED_CHARACTERS, quoted
from ai_engine.store import Store

OTHER = {"X-Tenant-ID": "other"}
PRICES = {
    "title": "Prices",
    "text": "A first consultation is free. A cleaning takes an hour; cleaning costs 60 euros.",
}


@pytest.fixture(params=["memory", "postgres"])
async def engine(request: pytest.FixtureRequest) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client of an engine that knows nobody yet, with either store."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://engine") as client:
        if request.param == "memory":
            app.state.store = Store()
            yield client
        else:
            from ai_engine.postgres.store import open_store

            async with open_store(request.getfixturevalue("postgres").dsn) as app.state.store:
                yield client
            app.state.store = Store()


async def ask(engine: httpx.AsyncClient, message: str, phone: str = "+1", tenant: Item = TENANT) -> Item:
    answer = await engine.post("/api/chat", json={"phone": phone, "message": message}, headers=tenant)
    assert answer.status_code == 200
    found: Item = answer.json()
    return found


async def test_a_document_answers_and_is_quoted(engine: httpx.AsyncClient) -> None:
    await engine.post("/api/documents", json=PRICES, headers=TENANT)
    await engine.post(
        "/api/documents", json={"title": "Parking", "text": "Behind the house."}, headers=TENANT
    )
    answer = await ask(engine, "How much is a cleaning?")
    assert f"Prices says: “{PRICES['text']}”" in answer["reply"]
    assert answer["sources"] == [
        {"kind": "document", "id": "1", "title": "Prices", "role": None, "quote": PRICES["text"]}
    ]


@pytest.mark.parametrize(
    "message", ["Do you sell bicycles on Monday?", "How are you?", "' | ! & :* \\ %", "Hello", "?" * 50]
)
async def test_where_nothing_fits_it_does_not_know(engine: httpx.AsyncClient, message: str) -> None:
    await engine.post("/api/documents", json={"text": "We are open from Monday to Friday."}, headers=TENANT)
    answer = await ask(engine, message)
    assert answer["reply"].startswith("I do not know") and answer["sources"] == []


async def test_what_a_document_no_longer_says_is_not_quoted(engine: httpx.AsyncClient) -> None:
    await engine.post("/api/documents", json=PRICES, headers=TENANT)
    await engine.patch("/api/documents/1", json={"text": "A cleaning is 70 euros."}, headers=TENANT)
    assert (await ask(engine, "What is a cleaning?"))["sources"][0]["quote"] == "A cleaning is 70 euros."
    await engine.delete("/api/documents/1", headers=TENANT)
    assert (await ask(engine, "What is a cleaning?"))["sources"] == []


async def test_agents_answer_for_all_and_end_users_for_themselves(engine: httpx.AsyncClient) -> None:
    first = await ask(engine, "My appointment is on Tuesday.")
    path = f"/api/conversations/{first['conversation_id']}/messages"
    await engine.post(path, json={"role": "agent", "text": "Parking is behind the house."}, headers=TENANT)
    mine = await ask(engine, "Where is parking?", phone="+2")
    assert [(each["kind"], each["role"]) for each in mine["sources"]] == [("message", "agent")]
    assert (await ask(engine, "When is my appointment?", phone="+2"))["sources"] == []
    own = await ask(engine, "When is my appointment?")
    assert [each["quote"] for each in own["sources"]] == ["My appointment is on Tuesday."]
    await engine.delete(f"/api/conversations/{first['conversation_id']}", headers=TENANT)
    assert (await ask(engine, "Where is parking?", phone="+2"))["sources"] == []


async def test_another_tenant_and_other_resources_are_never_quoted(engine: httpx.AsyncClient) -> None:
    await engine.post("/api/documents", json=PRICES, headers=OTHER)
    await engine.post("/api/orders", json=PRICES, headers=TENANT)
    assert (await ask(engine, "How much is a cleaning?"))["sources"] == []


async def test_the_best_passages_come_first_and_are_few(engine: httpx.AsyncClient) -> None:
    for number in range(6):
        await engine.post("/api/documents", json={"text": f"Cleaning room {number}."}, headers=TENANT)
    await engine.post("/api/documents", json={"text": "The cleaning price is 60."}, headers=TENANT)
    quotes = [each["quote"] for each in (await ask(engine, "cleaning price"))["sources"]]
    assert (len(quotes), quotes[0]) == (3, "The cleaning price is 60.")


@pytest.mark.parametrize("resource", ["products", "chat"])
async def test_a_nul_is_refused_the_same_with_either_store(engine: httpx.AsyncClient, resource: str) -> None:
    fields = {"phone": "+1", "message": "a\0b"} if resource == "chat" else {"name": {"deep\0": 1}}
    assert (await engine.post(f"/api/{resource}", json=fields, headers=TENANT)).status_code == 422
    kept = await engine.post("/api/products", json={"text": "\\u0000"}, headers=TENANT)
    assert (kept.status_code, kept.json()["text"]) == (201, "\\u0000")


async def test_own_fields_of_an_item_are_the_stores(engine: httpx.AsyncClient) -> None:
    sent = {"id": "9", "created_at": "never", "updated_at": "never", "name": "floss"}
    created = (await engine.post("/api/products", json=sent, headers=TENANT)).json()
    assert (created["id"], created["name"]) == ("1", "floss") and created["created_at"] != "never"
    for method in ("PUT", "PATCH"):
        changed = (await engine.request(method, "/api/products/1", json=sent, headers=TENANT)).json()
        assert (changed["id"], changed["created_at"]) == ("1", created["created_at"])


def test_a_long_text_is_quoted_from_the_sentence_that_fits() -> None:
    text = "Nothing to see. " * 30 + "A cleaning costs 60 euros. " + "More of it follows here. " * 30
    quote = quoted(text, "What does a cleaning cost?")
    assert quote.startswith("A cleaning costs 60 euros.") and quote.endswith(" …")
    assert len(quote) <= QUOTED_CHARACTERS + 2
