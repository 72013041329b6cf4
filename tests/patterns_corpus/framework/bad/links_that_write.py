# expect: routes.get_writes, responses.undeclared, async.blocking, routes.hidden
"""A link that archives, in a coroutine that waits for the database; the second registration of a path never answers."""

import logging
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException
from prometheus_client import Counter
from sqlalchemy.orm import Session

from letters.deps import database, rate_limited, tenant_id
from letters.models import Letter, Problem

log = logging.getLogger(__name__)
MOVED = Counter("letters_moved_total", "Letters moved.")
Tenant = Annotated[str, Depends(tenant_id)]
router = APIRouter(prefix="/letters", dependencies=[Depends(rate_limited("letters"))])


@router.get("/{letter_id}/archive", responses={404: {"model": Problem}})
# fires below: routes.get_writes, responses.undeclared
async def archive_letter(letter_id: str, tenant: Tenant, db: Annotated[Session, Depends(database)]) -> Letter:
    MOVED.inc()
    log.info("a letter of %s is archived", tenant)
    letter = db.get(Letter, (tenant, letter_id))  # fires: async.blocking
    if letter is None:
        raise HTTPException(404, "there is no such letter")
    if letter.locked:
        raise HTTPException(409, "it is being read")
    letter.archived = True
    db.add(letter)
    db.commit()
    return letter


@router.get("/{which}/archive")
# fires below: routes.hidden
def archived(which: str, tenant: Tenant, db: Annotated[Session, Depends(database)]) -> Letter:
    MOVED.inc()
    log.info("archive of %s", tenant)
    return db.get(Letter, (tenant, which))
