"""The AI Engine: `uvicorn ai_engine.app:app --port 8010`."""

import time
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from ai_engine import __version__
from ai_engine.drill import Drill, DrillMiddleware
from ai_engine.drill import router as drill_router
from ai_engine.routers.conversations import router as conversations_router
from ai_engine.routers.resources import router as resources_router
from ai_engine.store import Store

_STARTED = time.monotonic()

app = FastAPI(title="AI Engine", version=__version__)
app.state.store = Store()
app.state.drill = Drill()
app.add_middleware(DrillMiddleware, drill=app.state.drill)


@app.exception_handler(RequestValidationError)
async def request_invalid(request: Request, error: RequestValidationError) -> JSONResponse:
    """Say what is wrong with a request without repeating it: not everything that can be sent can be sent back."""
    problems = [{key: each[key] for key in ("type", "loc", "msg")} for each in error.errors()]
    return JSONResponse({"detail": problems}, 422)


@app.get("/health")
async def health() -> dict[str, Any]:
    """Say that the engine answers, and since when."""
    return {
        "status": "healthy",
        "service": "ai_engine",
        "version": __version__,
        "uptime_seconds": round(time.monotonic() - _STARTED, 1),
    }


app.include_router(drill_router)
app.include_router(conversations_router)
app.include_router(resources_router)  # last: its paths fit anything under /api
