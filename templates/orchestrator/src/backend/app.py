"""The gateway: `uvicorn backend.app:app --port 8020`.

It starts with Redis or the AI Engine down, and says so in /health and in its answers. To add a router, import it and
include it below.
"""

import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from backend import __version__
from backend.clients import open_http, open_redis
from backend.config.services_new import services
from backend.config.settings import load_settings
from backend.errors import install_error_handlers
from backend.middleware import RequestTelemetry
from backend.routers.chat import router as chat_router
from backend.routers.conversations import router as conversations_router
from backend.routers.messages import router as messages_router
from backend.routers.profile import router as profile_router
from backend.routers.system import router as system_router
from backend.utils.cache_manager import CacheManager
from backend.utils.logs import configure_logging


@asynccontextmanager
async def lifespan(application: FastAPI) -> AsyncIterator[None]:
    """Make the clients at start-up, close them at the end."""
    configure_logging()
    settings, state = load_settings(), application.state
    async with open_redis(services.get_service_url("redis")) as redis, open_http(settings) as http:
        state.redis, state.http = redis, http
        state.cache = CacheManager(
            redis, settings.cache_ttl_seconds, lease_seconds=3 * settings.engine_timeout_seconds
        )
        yield
        state.redis = state.http = state.cache = None


app = FastAPI(title="Backend Orchestrator", version=__version__, lifespan=lifespan)
app.add_middleware(RequestTelemetry)
install_error_handlers(app)

app.include_router(system_router)
app.include_router(chat_router)
app.include_router(conversations_router)
app.include_router(messages_router)
app.include_router(profile_router)

# Where Optimus TUI is installed beside the gateway, its tools answer at POST /mcp/{tool}.
try:
    tools_app = importlib.import_module("optimus_tui.http_api").tools_app
except (ImportError, AttributeError):
    pass
else:
    app.mount("/mcp", tools_app(token=None))
