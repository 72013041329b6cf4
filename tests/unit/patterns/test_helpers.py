"""A project's own helpers in the remedies: the most used one, as its code uses it, with an example."""

import pytest

from optimus_tui.patterns.helpers import HelperUses, remedy
from optimus_tui.patterns.rules import RULES

ROUTER = """from fastapi import Depends; from app.deps import limited, get_tenant
log = structlog.get_logger(__name__)
@router.get("/a", dependencies=[Depends(rate_limit_of("a"))])
@cached(ttl=60)
async def a(tenant: str = Depends(get_tenant)): ...
@router.get("/b", dependencies=[Depends(rate_limit_of("b"))])
@lru_cache(maxsize=3)
@limiter.limit("5/minute")
async def b(user=Depends(get_user)): ...
"""


def found(text: str, path: str = "app/x.py") -> dict[str, tuple[str, int]]:
    helpers = HelperUses()
    helpers.look(path, text.encode())
    return {job: (one.use, one.line) for job, one in helpers.most_used().items()}


def test_the_most_used_helper_of_each_job_is_found_with_its_first_line() -> None:
    assert found(ROUTER) == {
        "limiter": ("Depends(rate_limit_of(…))", 3),
        "tenant": ("Depends(get_tenant)", 5),
        "cache": ("@cached(…)", 4),
        "logger": ("structlog.get_logger(__name__)", 2),
    }


@pytest.mark.parametrize("text", ["@lru_cache(maxsize=1)\n", "Depends(get_db)\n", "@cached_property\n"])
def test_other_things_are_no_helpers(text: str) -> None:
    assert found(f"from fastapi import Depends\n{text}") == {}
    assert found(ROUTER.replace("fastapi", "celery")).keys() == {"logger"}, "a limiter of calls that go out is none"
    assert found(ROUTER, "tests/test_x.py") == {}


def test_a_remedy_names_the_helper_unless_it_does_already() -> None:
    helpers = HelperUses()
    helpers.look("app/x.py", ROUTER.encode())
    used = helpers.most_used()
    told = remedy(RULES["limits.missing"], used)
    assert "Depends(rate_limit_of(…)), as in app/x.py:3" in told
    assert "EnterpriseRateLimiter" not in told
    assert "@cached(…), as in app/x.py:4" in remedy(RULES["caching.missing"], used)
    assert remedy(RULES["unsafe.eval"], used) == RULES["unsafe.eval"].fix
    assert remedy(RULES["limits.missing"], {}) == RULES["limits.missing"].fix
    own = HelperUses()
    own.look("app/y.py", ROUTER.replace("rate_limit_of", "rate_limited").encode())
    assert remedy(RULES["limits.missing"], own.most_used()) == RULES["limits.missing"].fix
