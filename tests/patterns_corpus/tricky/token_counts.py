# expect: nothing
"""Tokens here are words of a language model; a masked key is no secret."""
import logging

from fastapi import APIRouter, Depends
from prometheus_client import Counter

from shop.deps import mask, models, rate_limited, tenant_id
from shop.models import Completion, Prompt

logger = logging.getLogger(__name__)
TOKENS = Counter("tokens_total", "Tokens used.")
router = APIRouter()


@router.post("/complete", dependencies=[Depends(rate_limited("complete"))])
async def complete(prompt: Prompt, tenant: str = Depends(tenant_id), llm=Depends(models)) -> Completion:
    done = await llm.complete(tenant, prompt)
    logger.info("%s tokens, max_tokens %s, key %s", done.token_count, prompt.max_tokens, mask(llm.api_key))
    logger.info("password reset is not a secret", extra={"tokens_used": done.token_count, "has_password": bool(prompt.password)})
    TOKENS.inc(done.token_count)
    return done
