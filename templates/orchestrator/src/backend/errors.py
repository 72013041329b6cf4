"""Failures as answers: what the caller did, what the engine did, or that nobody answered.

| failure | answer |
|---|---|
| the caller sent something else than what is described | 422, without repeating it |
| the engine refused what the caller sent (400, 404, 409, 413, 422, 429) | the same status, detail and Retry-After |
| the engine failed, or answered something else | 502 |
| it was not asked: its circuit is open, or too many wait for it | 503 with Retry-After |
| it did not answer in time | 504 |
| Redis was needed and did not serve | 503 |
"""

import logging

import httpx
from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError, ResponseValidationError
from fastapi.responses import JSONResponse
from redis.exceptions import RedisError

from backend.utils.circuit_breaker import NotSentError
from backend.utils.upstream import read_json

_CALLERS_FAULT = frozenset({400, 404, 409, 413, 422, 429})
_log = logging.getLogger(__name__)


def install_error_handlers(app: FastAPI) -> None:
    """Give every router of the app this translation; one that needs another catches the exception itself."""
    app.add_exception_handler(RequestValidationError, _request_invalid)
    app.add_exception_handler(httpx.HTTPError, _upstream_failed)
    app.add_exception_handler(ResponseValidationError, _answer_invalid)
    app.add_exception_handler(RedisError, _redis_failed)


async def _request_invalid(request: Request, error: Exception) -> JSONResponse:
    problems = error.errors() if isinstance(error, RequestValidationError) else []
    return JSONResponse(
        {"detail": [{key: each[key] for key in ("type", "loc", "msg")} for each in problems]}, 422
    )


async def _answer_invalid(request: Request, error: Exception) -> JSONResponse:
    _log.warning("upstream failed", extra={"fields": {"error": type(error).__name__}})
    return JSONResponse({"detail": "the AI Engine answered wrongly"}, 502)


async def _upstream_failed(request: Request, error: Exception) -> JSONResponse:
    answer = answer_for(error)
    if answer.status_code >= 500:
        _log.warning("upstream failed", extra={"fields": {"error": type(error).__name__}})
    return JSONResponse({"detail": answer.detail}, answer.status_code, answer.headers)


def answer_for(error: Exception) -> HTTPException:
    """Return what a caller is told of a failure behind the gateway; the table above."""
    if isinstance(error, httpx.HTTPStatusError) and error.response.status_code in _CALLERS_FAULT:
        return refusal_of(error.response)
    if isinstance(error, NotSentError):
        return HTTPException(503, str(error), {"Retry-After": str(error.retry_after)})
    if isinstance(error, httpx.TimeoutException):
        return HTTPException(504, "the AI Engine did not answer in time")
    if isinstance(error, httpx.HTTPStatusError):
        return HTTPException(502, f"the AI Engine answered {error.response.status_code}")
    return HTTPException(502, "the AI Engine could not be reached or answered wrongly")


async def _redis_failed(request: Request, error: Exception) -> JSONResponse:
    _log.warning("redis failed", extra={"fields": {"error": type(error).__name__}})
    return JSONResponse({"detail": "Redis is not available"}, 503)


def refusal_of(response: httpx.Response) -> HTTPException:
    """Return the engine's refusal as our own: its status, its explanation or a plain one, and when to come again."""
    wait = response.headers.get("Retry-After", "")
    headers = {"Retry-After": wait} if wait.isascii() and wait.isprintable() and wait else None
    try:
        detail = read_json(response)["detail"]
    except (ValueError, KeyError, TypeError):
        detail = f"the AI Engine answered {response.status_code}"
    return HTTPException(response.status_code, detail, headers)
