# expect: errors.swallowed, errors.bare_except, errors.text_told, logging.print
# because: pass, continue, a bare except, suppress(Exception) and the exception's text in the answer
import contextlib
import logging
import traceback

from fastapi import APIRouter, Depends, HTTPException
from prometheus_client import Counter
from pydantic import BaseModel

from post.wiring import Cache, Letters, cache_manager, letters, rate_limited, tenant_id

logger = logging.getLogger(__name__)
SENT = Counter("letters_sent_total", "Letters.")
router = APIRouter(prefix="/letters")


class Letter(BaseModel):
    id: str
    text: str = ""


@router.get("/{letter_id}", dependencies=[Depends(rate_limited("letter"))])
async def letter(
    letter_id: str,
    tenant: str = Depends(tenant_id),
    cache: Cache = Depends(cache_manager),
    store: Letters = Depends(letters),
) -> Letter:
    SENT.inc()
    try:
        return await cache.fetch("letter", tenant, letter_id, load=lambda: store.one(tenant, letter_id))
    except Exception:  # fires: errors.swallowed
        pass
    for box in ("in", "out"):
        try:
            return await store.search(tenant, box, letter_id)
        except Exception:  # fires: errors.swallowed
            continue
    with contextlib.suppress(Exception):  # fires: errors.swallowed
        return await store.archive(tenant, letter_id)
    raise HTTPException(404, "no such letter")


@router.get("/{letter_id}/stamp", dependencies=[Depends(rate_limited("stamp"))])
async def stamp(letter_id: str, tenant: str = Depends(tenant_id), store: Letters = Depends(letters)) -> Letter:
    try:
        return await store.stamp(tenant, letter_id)
    except KeyError:
        raise HTTPException(404, "no such letter") from None
    except ValueError as wrong:
        logger.info("stamp refused")
        raise HTTPException(status_code=422, detail=f"stamp failed: {wrong}") from wrong
    except:  # fires: errors.bare_except
        print("stamp failed")  # fires: logging.print
        raise HTTPException(500, traceback.format_exc())  # fires: errors.text_told
