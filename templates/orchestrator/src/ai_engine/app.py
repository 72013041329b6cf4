"""The AI Engine: `uvicorn ai_engine.app:app --port 8010`."""

import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from ai_engine import __version__
from ai_engine.contract import Store, StoreUnavailable
from ai_engine.drill import Drill, DrillMiddleware
from ai_engine.drill import router as drill_router
from ai_engine.routers.conversations import router as conversations_router
from ai_engine.routers.resources import router as resources_router
from ai_engine.store import Store as MemoryStore

_STARTED = time.monotonic()

_RETRY_SECONDS = 5


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open what the environment names: Postgres, a model. Without them nothing of either is imported."""
    async with AsyncExitStack() as stack:
        if dsn := os.environ.get("POSTGRES_DSN"):
            try:
                from ai_engine.postgres.store import open_store
            except ImportError as error:
                extra = "pip install 'optimus-orchestrator[postgres]'"
                raise RuntimeError(f"POSTGRES_DSN is set, but {error.name} is missing: {extra}") from None
            app.state.store = await stack.enter_async_context(open_store(dsn))
        if os.environ.get("OPENAI_BASE_URL"):
            from ai_engine.model import load_model_settings, open_model

            settings = load_model_settings()
            app.state.model = await stack.enter_async_context(open_model(settings)) if settings else None
        yield


app = FastAPI(title="AI Engine", version=__version__, lifespan=lifespan)
app.state.store = MemoryStore()
app.state.model = None
app.state.drill = Drill()
app.add_middleware(DrillMiddleware, drill=app.state.drill)


@app.exception_handler(RequestValidationError)
async def request_invalid(request: Request, error: RequestValidationError) -> JSONResponse:
    """Say what is wrong with a request without repeating it: not everything that can be sent can be sent back."""
    problems = [{key: each[key] for key in ("type", "loc", "msg")} for each in error.errors()]
    return JSONResponse({"detail": problems}, 422)


@app.exception_handler(StoreUnavailable)
async def store_unavailable(request: Request, error: StoreUnavailable) -> JSONResponse:
    """Say that the database cannot be asked now; why is in /health and in the log."""
    headers = {"Retry-After": str(_RETRY_SECONDS)}
    return JSONResponse({"detail": "the engine's database cannot be reached"}, 503, headers)


@app.get("/health")
async def health(request: Request) -> JSONResponse:
    """Say since when the engine answers, and where it keeps its data; 503 while it cannot reach it."""
    store: Store = request.app.state.store
    kept = await store.health()
    able = kept["status"] == "connected"
    document: dict[str, Any] = {
        "status": "healthy" if able else "unhealthy",
        "service": "ai_engine",
        "version": __version__,
        "uptime_seconds": round(time.monotonic() - _STARTED, 1),
        "store": kept,
        "model": None if request.app.state.model is None else request.app.state.model.described(),
    }
    return JSONResponse(document, 200 if able else 503)


app.include_router(drill_router)
app.include_router(conversations_router)
app.include_router(resources_router)  # last: its paths fit anything under /api
