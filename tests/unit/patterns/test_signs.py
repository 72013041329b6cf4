"""Which signs speak for a gateway, and which only look like it."""

import pytest

from optimus_tui.patterns.signs import Signs, detected, is_served
from optimus_tui.patterns.source.vocabulary import own_words

WEB = "from fastapi import Depends\n"


def found(text: str, path: str = "app/x.py", **words: list[str]) -> dict[str, str]:
    signs = Signs(words)
    with own_words(words):
        signs.look(path, text.encode())
    return {has: str(sign).removeprefix(f"{has}: ") for has, sign in signs.found.items()}


@pytest.mark.parametrize(
    ("text", "has", "sign"),
    [
        ("from slowapi import Limiter\n", "limiter", "app/x.py:1 import of slowapi"),
        ("import fastapi_limiter.depends\n", "limiter", "app/x.py:1 import of fastapi_limiter"),
        (f"{WEB}\ndef rate_limited(name): ...\n", "limiter", "app/x.py:3 def rate_limited"),
        ("import redis\nclass ThrottleStore: ...\n", "limiter", "app/x.py:2 class ThrottleStore"),
        (f"{WEB}def read(tenant_id: str): ...\n", "tenant", "app/x.py:2 parameter tenant_id of read"),
        (f"{WEB}def read(*, org: str = Depends(it)): ...\n", "tenant", "app/x.py:2 parameter org of read"),
        (f"{WEB}def read(o: 'Organization', organization: OrganizationSlug): ...\n", "tenant",
         "app/x.py:2 parameter organization of read"),
        (f"{WEB}P = '/{{organization}}/things'\n", "tenant", "app/x.py:2 '/{organization}/things'"),
        (f"{WEB}H = 'X-Tenant-ID'\n", "tenant", "app/x.py:2 'X-Tenant-ID'"),
        ("from sqlalchemy import Column\nclass T:\n    workspace_id = Column(int)\n", "tenant",
         "app/x.py:3 column workspace_id"),
        ("from sqlmodel import Field\nclass T:\n    org_id: int = Field(1)\n", "tenant", "app/x.py:3 column org_id"),
        ("from redis.asyncio import Redis\nclass PageCache: ...\n", "cache", "app/x.py:2 class PageCache"),
        ("from aiocache import cached\n", "cache", "app/x.py:1 import of aiocache"),
    ],
)  # fmt: skip
def test_a_sign_names_its_place(text: str, has: str, sign: str) -> None:
    assert found(text) == {has: sign}


@pytest.mark.parametrize(
    "text",
    [
        "# slowapi, rate_limit, tenant_id, cache\n",
        '"""from slowapi import Limiter: a tenant_id and a cache."""\n',
        f"{WEB}def read(limit: int = 10, page: int = 1): ...\n",
        f"{WEB}def read(workspace: str): ...\n",
        "def read(tenant_id: str): ...\n",
        "class AzureSettings:\n    tenant_id: str = ''\n",
        "from functools import lru_cache\nimport cachetools\n@lru_cache\ndef cached(): ...\n",
        f"{WEB}U = 'https://example.org/organization'\n",
        "from sqlmodel import Field\nclass Settings:\n    openai_organization_id: str = Field('')\n",
        f"{WEB}def asked(azure_tenant_id: str): ...\n",
        "from slowapi import (\n",
        f"{WEB}class RateLimitExceeded(ShopError): ...\n",
        f"{WEB}class SlowDownThrottlingError: ...\n",
        f"{WEB}class RateLimit(Answer):\n    status_code = 429\n",
        "from .slowapi import x\n",
    ],
)
def test_what_only_looks_like_a_sign_is_none(text: str) -> None:
    assert found(text) == {}


@pytest.mark.parametrize(
    "path", ["tests/a.py", "app/tests/a.py", "test_a.py", "app/conftest.py", "migrations/x/1.py", "docs_src/a.py"]
)
def test_what_serves_nothing_is_no_sign(path: str) -> None:
    assert not is_served(path)
    assert found("from slowapi import Limiter\n", path) == {}


def test_a_projects_own_words_are_signs() -> None:
    text = f"{WEB}def read(club_id: str): ...\ndef gatekeeper(): ...\n"
    assert found(text) == {}
    assert found(text, tenant=["club"], limiter=["gatekeeper"]) == {
        "tenant": "app/x.py:2 parameter club_id of read",
        "limiter": "app/x.py:3 def gatekeeper",
    }
    assert found(text) == {}, "they hold only meanwhile"


def test_one_sign_makes_a_gateway_and_what_is_not_there_is_said() -> None:
    signs = Signs({})
    signs.look("app/a.py", b"x = 1\n")
    signs.look("tests/b.py", b"x = 1\n")
    nothing = {"limiter", "tenant", "cache", "callers", "breaker"}
    assert detected(signs) == ("fastapi", nothing, (), "no limiter, tenant or cache in 1 file", False)
    signs.look("app/c.py", b"import slowapi\n")
    profile, lacks, found, *_ = detected(signs)
    assert (profile, str(found[0])) == ("gateway", "limiter: app/c.py:1 import of slowapi")
    assert lacks == {"tenant", "cache", "breaker"}
    signs.look("app/d.py", b"from shop.faults import CircuitBreaker\n")
    assert detected(signs).lacks == {"tenant", "cache"}


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("def _quota_cache_usable(): ...\n", False),
        ("def get_quota(): ...\n", False),
        ("class QuotaItem:\n    left: int\n", False),
        ("class Quota:\n    def enforce(self): ...\n", True),
        ("def check_quota(): ...\n", True),
        ("def get_rate_limiter(): ...\n", True),
    ],
)
def test_what_is_left_of_a_quota_at_a_provider_limits_nobody(text: str, limits: bool) -> None:
    assert ("limiter" in found(f"{WEB}{text}")) is limits
