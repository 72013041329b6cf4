# expect: nothing
# present: rate_limiting, multi_tenancy, logging
# because: a constant table has nothing to cache, invalidate, map or break; a tuple of four has an end
import logging
from enum import StrEnum

from fastapi import APIRouter, Depends, HTTPException
from prometheus_client import Counter
from pydantic import BaseModel

from lang.wiring import rate_limited, tenant_id

logger = logging.getLogger(__name__)
ASKED = Counter("languages_total", "Languages.")
router = APIRouter(prefix="/languages", dependencies=[Depends(tenant_id), Depends(rate_limited("languages"))])


class Code(StrEnum):
    DE = "de"
    EN = "en"


class Language(BaseModel):
    code: Code
    name: str


_ALL = {Code.DE: Language(code=Code.DE, name="Deutsch"), Code.EN: Language(code=Code.EN, name="English")}


@router.get("/{code}")
def language(code: Code) -> Language:
    ASKED.inc()
    try:
        return _ALL[code]
    except KeyError:
        logger.info("unknown language %s", code)
        raise HTTPException(404, f"no language {code}") from None
