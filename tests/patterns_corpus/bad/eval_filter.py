# expect: unsafe.eval, limits.missing, tenancy.missing, logging.missing, metrics.missing, models.response, lists.unbounded
from fastapi import APIRouter

from shop.data import ROWS

router = APIRouter()


@router.get("/rows")
def list_rows(where: str = "True"):
    return [row for row in ROWS if eval(where, {}, row)]
