# expect: nothing
# present: rate_limiting, caching, multi_tenancy, dependency_injection, logging
# because: every job is an Annotated alias of this file; the limit depends on the tenant that the alias brings
import logging
from typing import Annotated

from fastapi import APIRouter, Depends, Header, HTTPException, Path
from opentelemetry import metrics
from pydantic import BaseModel, StringConstraints

from fleet.adapters import Quotas, ReadThrough, VehicleRepository, quotas, read_through, vehicles

logger = logging.getLogger(__name__)
meter = metrics.get_meter("fleet")
requests_seen = meter.create_counter("fleet.requests")
router = APIRouter()

AccountHeader = Annotated[str, Header(alias="X-Tenant-ID", pattern="^[a-z0-9_]{1,40}$")]


async def account(header: AccountHeader) -> str:
    return header


Account = Annotated[str, Depends(account)]


async def within_quota(who: Account, book: Annotated[Quotas, Depends(quotas)]) -> None:
    verdict = await book.spend(who, "vehicles")
    if verdict.exhausted:
        raise HTTPException(429, "quota spent", {"Retry-After": str(verdict.seconds)})


Metered = Annotated[None, Depends(within_quota)]
Vehicles = Annotated[VehicleRepository, Depends(vehicles)]
Near = Annotated[ReadThrough, Depends(read_through)]
Plate = Annotated[str, Path(max_length=12)]


class Vehicle(BaseModel):
    plate: Annotated[str, StringConstraints(max_length=12)]
    driver: str | None = None


@router.get("/vehicles/{plate}", response_model=Vehicle)
async def vehicle(plate: Plate, who: Account, _: Metered, near: Near, all_vehicles: Vehicles):
    requests_seen.add(1)
    found = await near.get_or_load(f"vehicle:{who}:{plate}", lambda: all_vehicles.find(who, plate), ttl=60)
    if found is None:
        raise HTTPException(404, "no such vehicle")
    return found


@router.patch("/vehicles/{plate}", response_model=Vehicle)
async def assign(plate: Plate, change: Vehicle, who: Account, _: Metered, near: Near, all_vehicles: Vehicles):
    requests_seen.add(1)
    changed = await all_vehicles.change(who, plate, change)
    await near.invalidate(f"vehicle:{who}:{plate}")
    logger.info("driver assigned", extra={"account": who, "plate": plate})
    return changed
