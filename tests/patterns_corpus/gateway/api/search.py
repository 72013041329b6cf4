# expect: nothing
"""A search sent as POST changes nothing, so it invalidates nothing."""
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from gateway.guards import Tenant

router = APIRouter()


class Question(BaseModel):
    text: str
    limit: int = Field(20, le=100)


class Hits(BaseModel):
    ids: list[str]


@router.post("/search")
async def search(question: Question, request: Request, tenant: Tenant) -> Hits:
    answer = await request.app.state.http.post("/search", json=question.model_dump(), headers={"X-Tenant-ID": tenant})
    answer.raise_for_status()
    return Hits.model_validate(answer.json())


@router.get("/search/last")
async def last_search(request: Request, tenant: Tenant) -> Hits:
    kept = await request.app.state.redis.get(f"cache:last_search:{tenant}")
    return Hits.model_validate_json(kept) if kept else Hits(ids=[])
