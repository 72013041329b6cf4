"""The engine by itself: its collections, its bounds, its drills."""

import os
import subprocess
import sys
from pathlib import Path
from time import perf_counter

import httpx
import pytest
from conftest import TENANT
from fastapi import FastAPI

from ai_engine.app import lifespan
from ai_engine.drill import Drill, DrillOrder
from ai_engine.store import Collection, Shelf, Store

JSON = {"Content-Type": "application/json"}
OTHER = {"X-Tenant-ID": "other"}


async def test_a_collection_starts_empty_and_keeps_tenants_apart(engine: httpx.AsyncClient) -> None:
    empty = (await engine.get("/api/products", headers=TENANT)).json()
    assert empty == {"items": [], "total": 0, "limit": 50, "offset": 0}
    for name in ("floss", "brush", "paste"):
        created = await engine.post("/api/products/", json={"name": name, "id": "mine"}, headers=TENANT)
        assert created.status_code == 201
    assert created.json()["id"] == "3"
    page = (await engine.get("/api/products/?limit=1&offset=1", headers=TENANT)).json()
    assert ([item["name"] for item in page["items"]], page["total"]) == (["brush"], 3)
    assert (await engine.get("/api/products", headers=OTHER)).json()["total"] == 0
    assert (await engine.get("/api/products/3", headers=OTHER)).status_code == 404


async def list_narrowed(engine: httpx.AsyncClient) -> None:
    """Check what a list is narrowed down to and sorted by; the same in memory and in Postgres."""
    things = [
        {"n": 1, "s": "b"},
        {"n": 1.0, "s": "a"},
        {"n": "1", "s": "c"},
        {"n": True},
        {"n": None, "s": "a"},
    ]
    for thing in things:
        await engine.post("/api/things", json=thing, headers=TENANT)

    async def ids(query: str) -> str:
        page = (await engine.get(f"/api/things?{query}", headers=TENANT)).json()
        assert page["total"] >= len(page["items"])
        return "".join(item["id"] for item in page["items"])

    wanted = {
        "": "12345",
        "n=1": "123",
        "n=true": "4",
        "n=1&s=a": "2",
        "s=a": "25",
        "s=nobody": "",
        "none=1": "",
        "s=%5B1%5D": "",
        "sort=s": "25134",
        "sort=-s": "43125",
        "sort=n": "31245",
        "sort=-n": "54123",
        "sort=s&limit=2&offset=1": "51",
        "s=a&sort=-n": "52",
    }
    assert {query: await ids(query) for query in wanted} == wanted
    for wrong in (
        "id=1",
        "sort=created_at",
        "sort=--s",
        "a.b=1",
        "%27=1",
        "s=%00",
        "&".join(f"f{n}=1" for n in range(21)),
    ):
        assert (await engine.get(f"/api/things?{wrong}", headers=TENANT)).status_code == 422, wrong


async def test_a_list_is_narrowed_and_sorted(engine: httpx.AsyncClient) -> None:
    await list_narrowed(engine)


async def test_an_item_is_replaced_merged_and_deleted(engine: httpx.AsyncClient) -> None:
    await engine.post("/api/products", json={"name": "floss", "price": 3}, headers=TENANT)
    merged = (await engine.patch("/api/products/1", json={"price": 4}, headers=TENANT)).json()
    assert (merged["name"], merged["price"]) == ("floss", 4)
    replaced = (await engine.put("/api/products/1", json={"name": "wire"}, headers=TENANT)).json()
    assert ("price" in replaced, replaced["created_at"]) == (False, merged["created_at"])
    assert (await engine.delete("/api/products/1", headers=TENANT)).status_code == 204
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        body = None if method in ("GET", "DELETE") else {}
        assert (await engine.request(method, "/api/products/1", json=body, headers=TENANT)).status_code == 404


async def keep_below(engine: httpx.AsyncClient) -> None:
    """Check collections below an item: they come and go with it; the same in memory and in Postgres."""
    lines, notes = "/api/a_b/1/lines", "/api/a_b/1/lines/1/notes"
    assert (await engine.get(lines, headers=TENANT)).status_code == 404
    for name in ("first", "second"):
        await engine.post("/api/a_b", json={"name": name}, headers=TENANT)
    for path in (lines, f"{lines}/", notes, "/api/a_b/2/lines", "/api/axb"):
        assert (await engine.post(path, json={"path": path}, headers=TENANT)).status_code == 201
    found = (await engine.get(lines, headers=TENANT)).json()
    assert [(item["id"], item["path"]) for item in found["items"]] == [("1", lines), ("2", f"{lines}/")]
    changed = await engine.patch(f"{notes}/1", json={"path": "another"}, headers=TENANT)
    assert (changed.status_code, changed.json()["path"]) == (200, "another")
    for path in (f"{lines}/3", f"{lines}/3/notes", "/api/a_b/3/lines", "/api/a_b/1/chat/1"):
        assert (await engine.get(path, headers=TENANT)).status_code == 404
    assert (await engine.get(lines, headers=OTHER)).status_code == 404
    assert (await engine.delete(f"{lines}/2", headers=TENANT)).status_code == 204
    assert (await engine.get(f"{notes}/1", headers=TENANT)).status_code == 200
    assert (await engine.delete("/api/a_b/1", headers=TENANT)).status_code == 204
    for path in (lines, f"{lines}/1", notes, f"{notes}/1"):
        assert (await engine.get(path, headers=TENANT)).status_code == 404
    for path in ("/api/a_b/2/lines/1", "/api/axb/1"):
        assert (await engine.get(path, headers=TENANT)).status_code == 200


async def test_a_collection_below_an_item_comes_and_goes_with_it(engine: httpx.AsyncClient) -> None:
    await keep_below(engine)


async def test_what_was_below_an_item_is_kept_no_longer() -> None:
    tenant = Store().of("acme")
    id = (await tenant.add_item("orders", {}))["id"]
    for name in (f"orders/{id}/lines", f"orders/{id}/lines/1/notes", "orders/12/lines"):
        await tenant.add_item(name, {"in": name})
    await tenant.delete_item("orders", id)
    assert (await tenant.list_items(f"orders/{id}/lines", 9, 0))["total"] == 0
    assert (await tenant.list_items(f"orders/{id}/lines/1/notes", 9, 0))["total"] == 0
    assert (await tenant.list_items("orders/12/lines", 9, 0))["total"] == 1


@pytest.mark.parametrize(
    "path",
    [
        *("/nothing", "/api", "/api/Products", "/api/1", "/api/a.b", "/api/chat", "/api/a/b/c"),
        *("/api/chat/1", "/api/conversations/1/orders", "/api/a/1/b/1/c/1/d/1/e"),
    ],
)
async def test_other_paths_are_404(engine: httpx.AsyncClient, path: str) -> None:
    assert (await engine.get(path, headers=TENANT)).status_code == 404


async def test_wrong_bodies_and_missing_tenants_are_refused(engine: httpx.AsyncClient) -> None:
    assert (await engine.get("/api/products")).status_code == 400
    assert (await engine.post("/api/products", json=[1], headers=TENANT)).status_code == 422
    for raw in ('{"x": NaN}', r'{"x": "\ud800"}'):
        answer = await engine.post("/api/products", content=raw, headers=JSON | TENANT)
        assert answer.status_code == 422
    huge = {"text": "x" * 20_000}
    assert (await engine.post("/api/products", json=huge, headers=TENANT)).status_code == 413


async def test_the_same_words_get_the_same_reply(engine: httpx.AsyncClient) -> None:
    body = {"phone": "+1", "message": "What does it cost?"}
    first, second = [(await engine.post("/api/chat", json=body, headers=TENANT)).json() for _ in range(2)]
    assert first["reply"] == second["reply"]
    assert first["conversation_id"] == second["conversation_id"]
    assert first["message_id"] != second["message_id"]


def test_everything_kept_is_bounded() -> None:
    shelf: Shelf[int] = Shelf(2)
    for number in range(5):
        shelf[str(number)] = number
    assert list(shelf) == ["3", "4"]
    collection = Collection()
    for number in range(1200):
        collection.add({"number": number})
    assert (len(collection), next(iter(collection))) == (1000, "201")
    store = Store()
    for number in range(600):
        store.of("kept")
        store.of(str(number))
    assert len(store) == 500
    assert store.of("kept") is store.of("kept")


async def test_drills_are_not_there_by_default(
    engine: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AI_ENGINE_DRILLS", raising=False)
    assert (await engine.get("/drill")).status_code == 404
    assert (await engine.put("/drill", json={"fault_share": 1})).status_code == 404
    assert (await engine.get("/health")).json()["status"] == "healthy"


async def test_a_drill_meets_its_shares_and_can_always_be_ended(
    engine: httpx.AsyncClient, drill: Drill
) -> None:
    order = {"delay_ms": 60_000, "delay_share": 0, "fault_share": 0.25, "fault_status": 599}
    assert (await engine.put("/drill", json=order)).json() == order
    statuses = [(await engine.get("/health")).status_code for _ in range(8)]
    assert statuses == [200, 200, 200, 599] * 2
    await engine.put("/drill", json={"delay_ms": 60_000, "fault_share": 1})
    started = perf_counter()
    assert (await engine.get("/drill")).json()["delay_share"] == 1
    assert (await engine.put("/drill", json={})).json() == DrillOrder().model_dump()
    assert (await engine.get("/health")).status_code == 200
    assert perf_counter() - started < 1


async def test_a_delay_is_one(engine: httpx.AsyncClient, drill: Drill) -> None:
    drill.start(DrillOrder(delay_ms=60, delay_share=0.5))
    times = []
    for _ in range(2):
        started = perf_counter()
        await engine.get("/health")
        times.append(perf_counter() - started)
    assert times[0] < 0.06 <= times[1]


@pytest.mark.parametrize(
    "order",
    [
        '{"delay_ms": 60001}',
        '{"delay_share": 1.1}',
        '{"fault_share": NaN}',
        '{"fault_status": 200}',
        '{"x": 1}',
    ],
)
async def test_a_drill_out_of_range_is_refused(engine: httpx.AsyncClient, drill: Drill, order: str) -> None:
    answer = await engine.put("/drill", content=order, headers=JSON)
    assert answer.status_code == 422


def test_a_plain_start_imports_nothing_of_postgres_or_a_model() -> None:
    program = "import sys, ai_engine.app; print([name for name in sys.argv[1:] if name in sys.modules])"
    heavy = ["sqlalchemy", "alembic", "psycopg", "httpx", "ai_engine.postgres", "ai_engine.model"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent / "src")}
    command = [sys.executable, "-c", program, *heavy]
    told = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)  # noqa: S603
    assert told.stdout.strip() == "[]"


@pytest.mark.parametrize("variable", ["POSTGRES_DSN", "OPENAI_BASE_URL"])
async def test_a_start_without_what_it_needs_says_what(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    for name in ("POSTGRES_DSN", "OPENAI_BASE_URL", "OPENAI_MODEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, "http://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    for name in [name for name in sys.modules if name.startswith("ai_engine.postgres")]:
        monkeypatch.delitem(sys.modules, name)
    named = {"POSTGRES_DSN": "optimus-orchestrator\\[postgres\\]", "OPENAI_BASE_URL": "OPENAI_MODEL"}
    with pytest.raises((RuntimeError, ValueError), match=named[variable]):
        async with lifespan(FastAPI()):
            pass
