"""One measurement and one log line per request: who asked what, how it ended, how long it took. Never what was said."""

import logging
import time
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.dependencies_enterprise import is_valid_tenant
from backend.utils.metrics import HTTP_DURATION, HTTP_REQUESTS, method_label, tenant_labels

_log = logging.getLogger("backend.access")


class RequestTelemetry:
    """Wraps the application. Gives every answer an X-Request-ID of our own making."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request and record it, an unhandled exception as a 500."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status, request_id = time.perf_counter(), 500, uuid.uuid4().hex
        mounted_at = len(scope.get("root_path", ""))

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = request_id
            await send(message)

        try:
            await self._app(scope, receive, note)
        finally:
            seconds = time.perf_counter() - started
            template = getattr(scope.get("route"), "path", None)
            route = scope.get("root_path", "")[mounted_at:] + template if template else "unmatched"
            tenant = Headers(scope=scope).get("x-tenant-id", "")
            tenant = tenant if is_valid_tenant(tenant) else ""
            method = method_label(scope["method"])
            HTTP_REQUESTS.labels(method, route, status, tenant_labels.label(tenant) if tenant else "").inc()
            HTTP_DURATION.labels(route).observe(seconds)
            fields = {
                "request_id": request_id,
                "method": method,
                "route": route,
                "status": status,
                "tenant": tenant,
                "duration_ms": round(seconds * 1000, 2),
            }
            _log.info("request", extra={"fields": fields})
