# expect: nothing
"""A thin router over a service that is injected; the service's module is not ours to see."""
from logging import getLogger

from fastapi import APIRouter, Depends, Query, Security

from hr.auth import Principal, principal
from hr.instrumentation import observed
from hr.policies import enforce_quota
from hr.services import EmployeeService, employees
from hr.views import EmployeeView, EmployeesView, Hire

logger = getLogger(__name__)
router = APIRouter(prefix="/employees", dependencies=[Depends(enforce_quota)])


@router.get("", response_model=EmployeesView)
@observed("employees.list")
async def list_employees(
    after: str | None = None,
    size: int = Query(default=25, ge=1, le=100),
    me: Principal = Security(principal, scopes=["hr:read"]),
    service: EmployeeService = Depends(employees),
):
    return await service.page(me.organisation, after=after, size=size)


@router.post("", response_model=EmployeeView, status_code=201)
@observed("employees.hire")
async def hire(
    wanted: Hire,
    me: Principal = Security(principal, scopes=["hr:write"]),
    service: EmployeeService = Depends(employees),
):
    logger.info("hire in %s", me.organisation)
    return await service.hire(me.organisation, wanted)
