# expect: errors.swallowed, errors.bare_except, defaults.mutable, unsafe.eval, caching.no_invalidation
# present: rate_limiting, multi_tenancy, logging, metrics
# absent: error_handling, defaults, security, caching
"""Filters are Python expressions, failures are nobody's business, and one list of tags serves all requests."""

import contextlib
import logging
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query
from prometheus_client import Counter
from pydantic import BaseModel

from tasks.deps import Tasks, get_tasks, redis_cache, tenant_guard, throttled

logger = logging.getLogger(__name__)
DONE = Counter("tasks_done_total", "Tasks done.")
Tenant = Annotated[str, Depends(tenant_guard)]
router = APIRouter(prefix="/tasks", dependencies=[Depends(throttled("tasks"))])


class Task(BaseModel):
    id: int
    title: str
    tags: list[str] = []


def matching(tasks: list[Task], where: str, tags: list[str] = []) -> list[Task]:  # fires: defaults.mutable
    tags.append("visible")
    return [task for task in tasks if eval(where, {"task": task, "tags": tags})]  # fires: unsafe.eval


@router.get("")
async def find_tasks(
    tenant: Tenant,
    where: str,
    tasks: Annotated[Tasks, Depends(get_tasks)],
    cache=Depends(redis_cache),
    limit: Annotated[int, Query(le=100)] = 20,
) -> list[Task]:
    try:
        cached = await cache.get(f"tasks:{tenant}:{where}:{limit}")
        if cached:
            return cached
    except:  # fires: errors.bare_except
        logger.debug("no cache")
    found = matching(await tasks.page(tenant, limit), where)
    await cache.set(f"tasks:{tenant}:{where}:{limit}", [task.model_dump() for task in found], ex=30)
    return found


@router.patch("/{task_id}/done", status_code=204)
# fires below: caching.no_invalidation
async def mark_done(task_id: int, tenant: Tenant, tasks: Annotated[Tasks, Depends(get_tasks)]) -> None:
    if not await tasks.exists(tenant, task_id):
        raise HTTPException(404, "no such task")
    with contextlib.suppress(Exception):  # fires: errors.swallowed
        await tasks.mark_done(tenant, task_id)
    DONE.inc()
