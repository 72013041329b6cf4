"""A router that breaks rules, for the screens that show it."""

BAD = """import requests
from fastapi import APIRouter

router = APIRouter(prefix="/api/orders")


@router.get("/")
async def list_orders():
    try:
        return requests.get("http://10.0.0.5:8010/orders").json()
    except:
        pass
"""
