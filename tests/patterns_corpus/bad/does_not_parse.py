# expect: file.unreadable
from backend.dependencies_enterprise import Tenant, rate_limited

@router.get("/x"
async def broken(tenant: Tenant)
    return {}
