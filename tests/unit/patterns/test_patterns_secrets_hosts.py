"""Secrets and hosts: what identifies a secret is none, and a provider's public address is a constant."""

import pytest

from tests.patterns_tree import judged, rules_of

_LOGS = """
import logging
logger = logging.getLogger(__name__)

def work(credential_id, stop_token_ids, api_key, token, token_data, password, secret_name, answer):
    {line}
"""


@pytest.mark.parametrize(
    "line",
    [
        'logger.info("sync %s", credential_id)',
        'logger.info("sync %s", answer.credential_id)',
        'logger.info("stops %s", stop_token_ids)',
        'logger.info("key %s", api_key.id)',
        'logger.info("key %s", api_key.name)',
        'logger.info("key %s…", token[:6])',
        'logger.info("subject %s", token_data.get("sub"))',
        'logger.info("names %s", list(token_data.keys()))',
        'logger.info("read", extra={"secret_name": secret_name})',
        'logger.info("%s", "set" if password else "unset")',
        'logger.info("right: %s", verify_password(password))',
        'logger.info("given: %s", not password)',
        "for jwt in answer.stream():\n        logger.debug(jwt)",
    ],
)
def test_what_identifies_or_counts_a_secret_is_none(line: str) -> None:
    assert "logs.secrets" not in rules_of(_LOGS.format(line=line))


@pytest.mark.parametrize(
    "line",
    [
        'logger.info("key %s", api_key)',
        'logger.info("key %s", api_key.get_secret_value())',
        'logger.info("key %s", token.strip())',
        'logger.info("user %s", answer.password)',
        'logger.info("data %s", token_data["access_token"])',
        'logger.info("data %s", token_data.get("refresh_token"))',
        'logger.info("made %s", create_token(answer))',
        'logger.info("login", extra={"password": password})',
    ],
)
def test_a_secret_in_a_log_is_found(line: str) -> None:
    assert "logs.secrets" in rules_of(_LOGS.format(line=line))


@pytest.mark.parametrize(
    ("address", "own"),
    [
        ("https://oauth2.provider.com/token", False),
        ("https://api.openai.com/v1", False),
        ("https://example.com", False),
        ("https://www.shop.io/confirm", True),  # the project's own site
        ("http://localhost:8000", True),
        ("http://10.0.0.7", True),
        ("http://engine:8010", True),
        ("https://engine.staging.acme.com", True),
        ("https://audit.internal.corp/v1", True),
        ("https://models.acme.com:8443/v1", True),
        ("redis://cache.acme.com/0", True),
        ("postgresql+asyncpg://user@db.acme.com/x", True),
    ],
)
def test_an_address_is_found_where_the_project_chooses_it(address: str, own: bool) -> None:
    found = {issue.rule for issue in judged(f'ENGINE_URL = "{address}"\n', "shop/api.py").issues}
    assert ("config.hardcoded_host" in found) == own


_LIMITER = """
from fastapi import APIRouter
router = APIRouter()

class LoginLimiter:
    async def init_redis(self):
        self.redis = connect()

    async def clear_failed_attempts(self, name):
        return await self.redis.delete(name)

    async def check(self, name):
        return await self.redis.incr(name) < 5

limiter = LoginLimiter()

@router.post("/login")
async def login(name: str) -> None:
    await limiter.{call}
"""


@pytest.mark.parametrize(
    ("call", "verdict"), [("init_redis()", False), ("clear_failed_attempts(name)", False), ("check(name)", True)]
)
def test_only_a_call_that_says_whether_a_request_may_pass_has_a_verdict(call: str, verdict: bool) -> None:
    assert ("limits.unheeded" in rules_of(_LIMITER.format(call=call))) == verdict


def test_an_address_in_a_test_leads_nowhere() -> None:
    source = 'BASE_URL = "http://api"\n'
    assert "config.hardcoded_host" in {issue.rule for issue in judged(source, "shop/api.py").issues}
    assert "config.hardcoded_host" not in {issue.rule for issue in judged(source, "tests/test_api.py").issues}
