# expect: nothing
"""Limits, errors, logs, metrics and the breaker are the app's; this router only does its own work."""
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from gateway.guards import Tenant

router = APIRouter(prefix="/articles")


class Article(BaseModel):
    title: str


class Shelf:
    def __init__(self, request: Request, tenant: Tenant) -> None:
        self._redis, self._http, self._tenant = request.app.state.redis, request.app.state.http, tenant

    async def article(self, article_id: str) -> Article:
        key = f"cache:article:{self._tenant}:{article_id}"
        if raw := await self._redis.get(key):
            return Article.model_validate_json(raw)
        answer = await self._http.get(f"/articles/{article_id}", headers={"X-Tenant-ID": self._tenant})
        answer.raise_for_status()
        found = Article.model_validate(answer.json())
        await self._redis.set(key, found.model_dump_json(), ex=300)
        return found

    async def replace(self, article_id: str, new: Article) -> Article:
        answer = await self._http.put(f"/articles/{article_id}", json=new.model_dump(), headers={"X-Tenant-ID": self._tenant})
        answer.raise_for_status()
        await self._redis.unlink(f"cache:article:{self._tenant}:{article_id}")
        return new


@router.get("/{article_id}")
async def read_article(article_id: str, shelf: Annotated[Shelf, Depends()]) -> Article:
    return await shelf.article(article_id)


@router.put("/{article_id}")
async def replace_article(article_id: str, article: Article, shelf: Annotated[Shelf, Depends()]) -> Article:
    return await shelf.replace(article_id, article)
