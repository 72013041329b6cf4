# expect: tenancy.unused, caching.missing, metrics.missing
import logging

from fastapi import APIRouter, Depends, HTTPException, Query
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from shop.deps import db_session, rate_limited, tenant_id
from shop.models import Patient

log = logging.getLogger(__name__)
router = APIRouter()


@router.get("/patients", response_model=list[Patient], dependencies=[Depends(rate_limited("patients"))])
async def list_patients(limit: int = Query(20, le=100), tenant: str = Depends(tenant_id), db=Depends(db_session)):
    try:
        return (await db.execute(text("SELECT * FROM patients LIMIT :n"), {"n": limit})).all()
    except SQLAlchemyError:
        log.exception("patients")
        raise HTTPException(503) from None
