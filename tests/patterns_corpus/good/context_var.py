# expect: nothing
"""The tenant travels in a context variable that a middleware of this app sets."""
import logging
from collections import defaultdict, deque
from contextvars import ContextVar
from time import monotonic

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from prometheus_fastapi_instrumentator import Instrumentator
from pydantic import BaseModel

current_tenant: ContextVar[str] = ContextVar("current_tenant")
logger = logging.getLogger("notes")
app = FastAPI()
Instrumentator().instrument(app)
windows: dict[str, deque[float]] = defaultdict(deque)


class Note(BaseModel):
    text: str


@app.middleware("http")
async def admit(request: Request, call_next):
    tenant = request.headers.get("x-tenant-id")
    if not tenant:
        return JSONResponse({"detail": "X-Tenant-ID is missing"}, status_code=400)
    recent, now = windows[tenant], monotonic()
    while recent and recent[0] < now - 60:
        recent.popleft()
    if len(recent) >= 100:
        return JSONResponse({"detail": "too many requests"}, status_code=429, headers={"Retry-After": "60"})
    recent.append(now)
    token = current_tenant.set(tenant)
    try:
        return await call_next(request)
    finally:
        current_tenant.reset(token)


@app.post("/notes", status_code=201)
async def add_note(note: Note, request: Request) -> Note:
    logger.info("note added for %s", current_tenant.get())
    return await request.app.state.notes.add(current_tenant.get(), note)
