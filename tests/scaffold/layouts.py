"""Small FastAPI projects of five layouts, and what a person would do with a router that was added to one."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from optimus_tui.child_processes import minimal_environment
from optimus_tui.clock import Clock
from optimus_tui.contract.tools.traffic import RouterReport
from optimus_tui.scaffold.target import RouterTarget
from optimus_tui.settings.tuning import TUNING
from optimus_tui.tools.answer import answer
from tests.scaffold.workshop import quick_tests

FLAT = {
    "requirements.txt": "fastapi\nuvicorn\n",
    "main.py": (
        "from fastapi import FastAPI\n\napp = FastAPI(title='Flat')\n\n\n"
        "@app.get('/')\nasync def index() -> dict[str, str]:\n    return {'hello': 'world'}\n"
    ),
}
ROUTER = (
    "from fastapi import APIRouter\n\nrouter = APIRouter(prefix='/{0}')\n\n\n"
    "@router.get('')\nasync def {0}() -> str:\n    return '{0}'\n"
)
VERSIONED = {
    "pyproject.toml": "[project]\nname = 'versioned'\nversion = '1'\n\n[tool.setuptools]\npackages = ['app']\n",
    "app/__init__.py": "",
    "app/main.py": (
        "import fastapi\n\nfrom app.api.v1.api import api_router\n\nPREFIX = '/api/v1'\n"
        "application = fastapi.FastAPI()\napplication.include_router(api_router, prefix=PREFIX)\n"
    ),
    "app/api/__init__.py": "",
    "app/api/v1/__init__.py": "",
    "app/api/v1/api.py": (
        "from fastapi import APIRouter\n\nfrom app.api.v1.endpoints import health, zones\n\n"
        "api_router = APIRouter()\napi_router.include_router(health.router, tags=['health'])\n"
        "api_router.include_router(\n    zones.router,\n)\n"
    ),
    "app/api/v1/endpoints/__init__.py": "",
    "app/api/v1/endpoints/health.py": ROUTER.format("health"),
    "app/api/v1/endpoints/zones.py": ROUTER.format("zones"),
    "tests/test_health.py": "def test_nothing() -> None:\n    assert True\n",
}
POETRY = {
    "pyproject.toml": "[tool.poetry]\nname = 'shop'\nversion = '1'\npackages = [{include = 'shop', from = 'src'}]\n",
    "poetry.lock": "",
    "src/shop/__init__.py": "",
    "src/shop/main.py": (
        "from fastapi import FastAPI\n\nfrom .routers import orders\n"
        "from .routers.health import router as health_router\n\n\n"
        "def create_app() -> FastAPI:\n\tapp = FastAPI()\n\tapp.include_router(health_router)\n"
        "\tapp.include_router(orders.router, prefix='/v2')\n\treturn app\n"
    ),
    "src/shop/routers/__init__.py": "",
    "src/shop/routers/health.py": ROUTER.format("health"),
    "src/shop/routers/orders.py": ROUTER.format("orders"),
}
UV = {
    "pyproject.toml": "[project]\nname = 'inventory'\nversion = '1'\n\n[tool.uv]\npackage = true\n",
    "uv.lock": "version = 1\n",
    "alembic.ini": "[alembic]\nscript_location = migrations\n",
    "inventory/db.py": (
        "from collections.abc import AsyncGenerator\n\n"
        "from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine\n"
        "from sqlalchemy.orm import DeclarativeBase\n\n"
        "make_session = async_sessionmaker(create_async_engine('sqlite+aiosqlite://'))\n\n\n"
        "class Model(DeclarativeBase):\n    pass\n\n\n"
        "async def get_db() -> AsyncGenerator[AsyncSession, None]:\n"
        "    async with make_session() as session:\n        yield session\n"
    ),
    "inventory/__init__.py": "",
    "inventory/app.py": (
        "from fastapi import FastAPI\n\nfrom inventory.customers.router import router as customers_router\n"
        "from inventory.invoices.router import router as invoices_router\n\napp: FastAPI = FastAPI()\n"
        "for each in (customers_router, invoices_router):\n    pass\n"
        "app.include_router(customers_router)\napp.include_router(invoices_router)\n"
    ),
    "inventory/customers/__init__.py": "",
    "inventory/customers/router.py": ROUTER.format("customers"),
    "inventory/invoices/__init__.py": "",
    "inventory/invoices/router.py": ROUTER.format("invoices"),
    "inventory/tests/__init__.py": "",
    "inventory/tests/test_customers.py": "",
}
FULL_STACK = {
    ".gitignore": "node_modules\n",
    "pyproject.toml": "[tool.uv.workspace]\nmembers = ['backend']\n",
    "frontend/package.json": "{}\n",
    "scripts/seed.py": "from fastapi import FastAPI\n\napp = FastAPI()\n",
    "backend/pyproject.toml": (
        "[project]\nname = 'app'\nversion = '1'\n\n[tool.pytest.ini_options]\naddopts = '--strict-markers'\n"
    ),
    "backend/app/__init__.py": "",
    "backend/app/main.py": (
        "from fastapi import FastAPI\n\nfrom app.api.main import api_router\nfrom app.core.config import settings\n\n"
        "app = FastAPI(openapi_url=f'{settings.API}/openapi.json')\n\n"
        "app.include_router(api_router, prefix=settings.API)\n"
    ),
    "backend/app/core/__init__.py": "",
    "backend/app/core/config.py": (
        "class Settings:\n    API: str = '/api/v1'\n    LOCAL: bool = False\n\n\nsettings = Settings()\n"
    ),
    "backend/app/api/__init__.py": "",
    "backend/app/api/main.py": (
        "from fastapi import APIRouter\n\nfrom app.api.routes import health, private, users\n"
        "from app.core.config import settings\n\napi_router = APIRouter()\napi_router.include_router(health.router)\n"
        "api_router.include_router(users.router)\n\n\n"
        "if settings.LOCAL:\n    api_router.include_router(private.router)\n"
    ),
    "backend/app/api/routes/__init__.py": "",
    "backend/app/api/routes/health.py": ROUTER.format("health"),
    "backend/app/api/routes/private.py": ROUTER.format("private"),
    "backend/app/api/routes/users.py": ROUTER.format("users"),
    "backend/tests/__init__.py": "",
    "backend/tests/conftest.py": "raise RuntimeError('the database of the tests is not here')\n",
    "backend/tests/api/__init__.py": "",
    "backend/tests/api/routes/__init__.py": "",
    "backend/tests/api/routes/test_users.py": "",
}
LAYOUTS = {"flat": FLAT, "versioned": VERSIONED, "poetry": POETRY, "uv": UV, "full-stack": FULL_STACK}


def make_project(folder: Path, files: dict[str, str]) -> Path:
    """Write a project."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def content(folder: Path) -> dict[str, bytes]:
    """Everything in a project, by path, without what running it leaves."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b"a folder"
        for path in sorted(folder.rglob("*"))
        if not {"__pycache__", ".pytest_cache"} & set(path.parts)
    }


def run_tests(project: Path, line: str) -> str:
    """Run the shell line that is shown for the tests, with this Python; what it prints, or what went wrong."""
    command = re.sub(r"(^| )python ", rf"\1{shlex.quote(sys.executable)} ", line)
    more = quick_tests()
    if more:
        command = re.sub(r"PYTHONPATH=(\S+)", rf"PYTHONPATH=\1:{more['PYTHONPATH']}", command)
    return run(project, ["/bin/sh", "-c", command], PATH=os.environ["PATH"], **more)


def run(folder: Path, command: list[str], **more: str) -> str:
    """Run a program without this environment; what it prints, or what went wrong."""
    environment = minimal_environment(PYTHONDONTWRITEBYTECODE="1", **more)
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    return done.stdout if not done.returncode else f"{done.stdout}\nexit {done.returncode}\n{done.stderr}"


def routes_of(target: RouterTarget, *projects: Path) -> list[list[str]]:
    """Import the applications with the real FastAPI; their methods and paths, from their own OpenAPI descriptions."""
    module, _, name = target.asgi.partition(":")
    code = (
        "import importlib, json, os, sys, fastapi\n"
        "for root in sys.argv[1:]:\n"
        "    if os.fork():\n"
        "        assert os.wait()[1] == 0\n"
        "        continue\n"
        "    sys.path.insert(0, root)\n"
        f"    app = getattr(importlib.import_module({module!r}), {name!r}){'()' * target.factory}\n"
        "    routes = [f'{method} {path}' for path, each in app.openapi()['paths'].items() for method in each]\n"
        "    print(json.dumps(routes), flush=True)\n"
        "    os._exit(0)\n"
    )
    roots = [str(project / target.import_root) for project in projects]
    return [list(json.loads(line)) for line in run(Path("/"), [sys.executable, "-c", code, *roots]).splitlines()]


class Ctx:
    """As much of a context as the tool uses."""

    clock = Clock()
    tuning = TUNING

    class settings:
        gateway_url = "http://localhost:8020"
        source_path: Path | None = None


async def ask(**given: object) -> RouterReport:
    """Return the draft of a router as the tool answers it."""
    report = await answer(Ctx(), "generate_enterprise_router", {"router_name": "products", **given})  # type: ignore[arg-type]
    assert isinstance(report, RouterReport)
    return report
