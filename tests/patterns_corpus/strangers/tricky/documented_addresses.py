# expect: config.hardcoded_host
# present: rate_limiting, multi_tenancy, logging
# absent: configuration
"""Examples, namespaces, docs links and schemas are addresses too; only the default of the last one is a host we call."""

import logging
import os
from typing import Annotated

import httpx
from fastapi import APIRouter, Depends, HTTPException, Request
from prometheus_client import Counter
from pydantic import BaseModel, Field, HttpUrl

from links.deps import circuit, rate_limited, tenant

logger = logging.getLogger(__name__)
MADE = Counter("links_made_total", "Links made.")
SHORTENER = os.getenv("SHORTENER_URL", "http://localhost:8090")
AUDIT_URL = "https://audit.internal.corp/v1/events"  # fires: config.hardcoded_host
SCHEMA = {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object"}
ATOM = "{http://www.w3.org/2005/Atom}link"
Tenant = Annotated[str, Depends(tenant)]
router = APIRouter(prefix="/links", dependencies=[Depends(rate_limited("links"))])


class Link(BaseModel):
    """A link, see https://example.com/docs/links."""

    target: HttpUrl = Field(examples=["https://example.com/a"], description="Like http://example.org/page")


def http(request: Request) -> httpx.AsyncClient:
    return request.app.state.http


@router.post("", status_code=201, openapi_extra={"externalDocs": {"url": "https://docs.example.com/links"}})
async def shorten(link: Link, tenant: Tenant, client: Annotated[httpx.AsyncClient, Depends(http)]) -> Link:
    headers = {"X-Tenant-ID": tenant}
    try:
        async with circuit("shortener"):
            made = await client.post(f"{SHORTENER}/links", json={"target": str(link.target)}, headers=headers, timeout=2)
            made.raise_for_status()
            await client.post(AUDIT_URL, json={"tenant": tenant, "what": "link"}, timeout=1)
    except httpx.TimeoutException:
        raise HTTPException(504, "the shortener is slow, see https://status.example.com") from None
    except httpx.HTTPError:
        logger.warning("shortener failed for %s", tenant)
        raise HTTPException(502, "the shortener failed") from None
    MADE.inc()
    return Link.model_validate(made.json())
