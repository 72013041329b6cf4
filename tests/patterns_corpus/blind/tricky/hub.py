# expect: nothing
# because: it only gathers other routers; with no route of its own there is nothing to limit, cache or log
"""All of version 2."""

from fastapi import APIRouter

from . import conditional_imports, of_312, read_only_table

router = APIRouter(prefix="/v2")
for module in (conditional_imports, of_312):
    router.include_router(module.router)
router.include_router(read_only_table.router, tags=["tables"])
