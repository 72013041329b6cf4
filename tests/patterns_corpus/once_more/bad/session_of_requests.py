# expect: async.blocking, injection.global_client, timeouts.missing, defaults.mutable, unsafe.eval, tenancy.missing, limits.missing, errors.unmapped, breaker.missing, models.input, models.response, metrics.missing, logging.missing
# absent: rate_limiting, multi_tenancy, logging, error_handling, security
"""A requests.Session at import, a rule engine made of exec, and a dictionary that all requests fill."""

import time

import requests
from fastapi import APIRouter, BackgroundTasks, Request

from rules.settings import ENGINE_URL

router = APIRouter(prefix="/rules")
http = requests.Session()  # fires: injection.global_client


def run(source: str, known: dict = {}) -> dict:  # fires: defaults.mutable
    exec(source, known)  # fires: unsafe.eval
    return known


async def report(rule: str) -> None:
    time.sleep(2)  # fires: async.blocking
    http.post(f"{ENGINE_URL}/reports", json={"rule": rule})  # fires: async.blocking, timeouts.missing


@router.post("/{rule}")
# fires below: tenancy.missing, limits.missing, errors.unmapped, breaker.missing, models.input, models.response, metrics.missing, logging.missing
async def apply(rule: str, request: Request, tasks: BackgroundTasks):
    facts = await request.json()
    source = http.get(f"{ENGINE_URL}/rules/{rule}").json()["source"]  # fires: async.blocking, timeouts.missing
    tasks.add_task(report, rule)
    return run(source, dict(facts))
