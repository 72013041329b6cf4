# expect: nothing
"""Addresses in documentation, examples, schemas and defaults of the environment."""
import logging
import os

from fastapi import APIRouter, Depends
from prometheus_client import Counter
from pydantic import BaseModel, Field

from shop.deps import hooks, rate_limited, tenant_id

log = logging.getLogger(__name__)
ADDED = Counter("hooks_added_total", "Hooks added.")
ENGINE_URL = os.environ.get("ENGINE_URL", "http://localhost:8010")
PROBLEM = "https://errors.example.com/hook-exists"
router = APIRouter()


class Hook(BaseModel):
    """See https://docs.example.com/hooks."""

    url: str = Field(examples=["https://example.com/hook"], pattern="^https://")


@router.post("/hooks", dependencies=[Depends(rate_limited("add_hook"))], responses={409: {"description": PROBLEM}})
async def add_hook(hook: Hook, tenant: str = Depends(tenant_id), store=Depends(hooks)) -> Hook:
    log.info("hook added for %s, engine at %s", tenant, ENGINE_URL)
    ADDED.inc()
    return await store.add(tenant, hook)
