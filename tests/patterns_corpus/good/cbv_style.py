# expect: nothing
"""A class-based view: what all routes need stands on the class."""
import logging

from fastapi import Depends
from fastapi_utils.cbv import cbv
from fastapi_utils.inferring_router import InferringRouter

from crm.caching import ContactCache
from crm.deps import current_tenant, get_cache, get_repo, throttle
from crm.instruments import REQUESTS
from crm.models import Contact, ContactIn, ContactPage, Window

log = logging.getLogger(__name__)
router = InferringRouter(prefix="/contacts", tags=["contacts"])


@cbv(router)
class Contacts:
    tenant: str = Depends(current_tenant)
    _quota: None = Depends(throttle)
    cache: ContactCache = Depends(get_cache)
    repo = Depends(get_repo)

    @router.get("")
    async def list_contacts(self, window: Window = Depends()) -> ContactPage:
        REQUESTS.labels("list", self.tenant).inc()
        return await self.cache.get_or_load(("list", self.tenant, window.limit), lambda: self.repo.page(self.tenant, window))

    @router.post("", status_code=201)
    async def add_contact(self, new: ContactIn) -> Contact:
        made = await self.repo.add(self.tenant, new)
        await self.cache.evict(self.tenant)
        log.info("contact added", extra={"tenant": self.tenant})
        return made
