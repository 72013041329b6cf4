"""Files of one project are judged alike in whichever order they come, and nothing of a batch stays behind."""

import gc
from pathlib import Path

import pytest

from optimus_tui.tools.router_files import examine

_FILES = {
    "main.py": """
from fastapi import Depends, FastAPI
from guards import limited
from products import router
app = FastAPI(dependencies=[Depends(limited)])
app.include_router(router)

@app.get("/things")
async def things() -> list[str]:
    return []
""",
    "guards.py": """
from fastapi import HTTPException, Request
from limits import RateLimiter
import main
limiter = RateLimiter()

async def limited(request: Request) -> None:
    if not await limiter.allow(request.headers["X-Tenant-ID"]):
        raise HTTPException(429)
""",
    "products.py": """
from fastapi import APIRouter
router = APIRouter()

@router.get("/products")
async def products() -> list[str]:
    return []
""",
}


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    for name, text in _FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_a_router_of_an_app_is_judged_alike_before_and_after_the_app(flat: Path) -> None:
    told = []
    for order in (["main.py", "products.py"], ["products.py", "main.py"]):
        outcome = examine(flat, order, use_cache=False)
        told.append({one.path: one.verdict for one in outcome.judged})
    assert told[0] == told[1]
    assert "limits.missing" not in {issue.rule for issue in told[0]["products.py"].issues}


def test_a_batch_leaves_nothing_for_the_collector(flat: Path) -> None:
    examine(flat, _FILES, use_cache=False)
    gc.collect()
    gc.disable()
    try:
        examine(flat, _FILES, use_cache=False)
        assert gc.collect() < 20  # its modules were hundreds of objects
    finally:
        gc.enable()
