# expect: limits.missing, tenancy.missing, caching.missing, errors.unmapped, injection.client_per_request, logging.missing, config.hardcoded_host, breaker.missing, metrics.missing, models.response
import httpx
from fastapi import APIRouter

router = APIRouter(prefix="/weather")


@router.get("/{city}")
async def weather(city: str):
    async with httpx.AsyncClient() as client:
        response = await client.get(f"http://weather.internal:8080/v1/{city}")
        return response.json()
