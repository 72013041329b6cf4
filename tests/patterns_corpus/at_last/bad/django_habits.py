# expect: tenancy.missing, limits.missing, errors.swallowed, lists.unbounded, models.response, models.input, metrics.missing, logs.secrets
# present: logging
# absent: rate_limiting, multi_tenancy, secrets
"""Everything through request.json() and ORM objects; what fails is None; the token goes to the debug log."""

import logging

from fastapi import APIRouter, Depends, HTTPException, Request
from sqlalchemy.orm import Session, joinedload

from library.db import get_db
from library.models import Book, Loan

log = logging.getLogger(__name__)
router = APIRouter(prefix="/books")


def current_reader(request: Request, db: Session = Depends(get_db)):
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    log.debug("reader token is %s", token)  # fires: logs.secrets
    try:
        return db.query(Loan).filter_by(token=token).one()
    except Exception:  # fires: errors.swallowed
        return None


@router.get("/")
# fires below: tenancy.missing, limits.missing, lists.unbounded, models.response, metrics.missing
def index(db: Session = Depends(get_db)):
    return db.query(Book).options(joinedload(Book.authors)).all()


@router.post("/")
# fires below: models.input
async def add(request: Request, db: Session = Depends(get_db), reader=Depends(current_reader)):
    if reader is None:
        raise HTTPException(401)
    data = await request.json()
    book = Book(**data)
    db.add(book)
    db.commit()
    return book
