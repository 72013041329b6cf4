"""The application of the two routers in api/: what they share is done here."""
import logging
import time

import httpx
import sentry_sdk
from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse
from prometheus_client import Histogram

from gateway.api import articles, search
from gateway.guards import count_request
from gateway.transport import open_client

log = logging.getLogger("gateway")
TOOK = Histogram("gateway_seconds", "Time of a request.", ["route"])


async def lifespan(app: FastAPI):
    async with open_client() as client:
        app.state.http = client
        yield


app = FastAPI(lifespan=lifespan)
app.include_router(articles.router, dependencies=[Depends(count_request)])
app.include_router(search.router, dependencies=[Depends(count_request)])


@app.exception_handler(httpx.HTTPError)
async def upstream_failed(request: Request, error: httpx.HTTPError) -> JSONResponse:
    log.warning("upstream failed: %s", type(error).__name__)
    return JSONResponse({"detail": "upstream failed"}, 502)


@app.middleware("http")
async def measure(request: Request, call_next):
    started = time.perf_counter()
    answer = await call_next(request)
    TOOK.labels(request.url.path).observe(time.perf_counter() - started)
    log.info("%s %s", request.method, answer.status_code)
    return answer
