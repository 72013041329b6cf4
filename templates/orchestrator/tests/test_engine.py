"""The engine by itself: its collections, its bounds, its drills."""

from time import perf_counter

import httpx
import pytest
from conftest import TENANT

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


@pytest.mark.parametrize(
    "path", ["/nothing", "/api", "/api/Products", "/api/1", "/api/a.b", "/api/chat", "/api/a/b/c"]
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
