# expect: nothing
"""A dependency written here that asks the platform's throttle."""
import logging

from fastapi import APIRouter, Depends, HTTPException, status

from bank.deps import Throttle, get_tenant, get_throttle, ledger
from bank.models import Balance
from bank.telemetry import counter

log = logging.getLogger(__name__)


async def require_limit(tenant=Depends(get_tenant), throttle: Throttle = Depends(get_throttle)):
    decision = await throttle.consume(tenant.id)
    if decision.exhausted:
        raise HTTPException(status.HTTP_429_TOO_MANY_REQUESTS, headers={"Retry-After": str(decision.wait)})


router = APIRouter(dependencies=[Depends(require_limit)])


@router.get("/balance/{account}", response_model=Balance)
async def balance(account: str, tenant=Depends(get_tenant), books=Depends(ledger)):
    found = await books.balance(tenant.id, account)
    if found is None:
        log.info("no such account in %s", tenant.id)
        raise HTTPException(404)
    counter("balance.read").add(1)
    return found
