# expect: limits.missing
"""Three of four routes are limited."""
import logging

from fastapi import APIRouter, Depends, Query
from prometheus_client import Counter

from shop.deps import notes, rate_limited, tenant_id
from shop.models import Note, Notes

log = logging.getLogger(__name__)
OPS = Counter("note_ops_total", "Operations on notes.", ["op"])
router = APIRouter(prefix="/notes")


@router.get("", dependencies=[Depends(rate_limited("list_notes"))])
async def list_notes(limit: int = Query(50, ge=1, le=200), tenant: str = Depends(tenant_id), repo=Depends(notes)) -> Notes:
    return await repo.page(tenant, limit)


@router.post("", dependencies=[Depends(rate_limited("create_note"))])
async def create_note(note: Note, tenant: str = Depends(tenant_id), repo=Depends(notes)) -> Note:
    OPS.labels("create").inc()
    return await repo.add(tenant, note)


@router.get("/{note_id}", dependencies=[Depends(rate_limited("get_note"))])
async def get_note(note_id: str, tenant: str = Depends(tenant_id), repo=Depends(notes)) -> Note:
    return await repo.one(tenant, note_id)


@router.delete("/{note_id}", status_code=204)
async def delete_note(note_id: str, tenant: str = Depends(tenant_id), repo=Depends(notes)) -> None:
    await repo.remove(tenant, note_id)
    log.info("note removed", extra={"tenant": tenant})
