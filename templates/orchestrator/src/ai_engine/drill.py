"""Faults on order: slow answers and errors, to rehearse what a gateway and its operators do about them.

Only there with AI_ENGINE_DRILLS=1 in the environment; otherwise /drill is 404 and nothing is touched. A share is met
exactly (0.25 is every fourth request), so a rehearsal can be repeated. /drill itself always answers at once.
"""

import asyncio
import os
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.types import ASGIApp, Receive, Scope, Send

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class DrillOrder(BaseModel):
    """Which share of the requests is delayed by how much, and which share fails with which status."""

    model_config = ConfigDict(extra="forbid")
    delay_ms: int = Field(default=0, ge=0, le=60_000)
    delay_share: Share = 1.0
    fault_share: Share = 0.0
    fault_status: int = Field(default=503, ge=500, le=599)


class Regular:
    """Says yes to a share of the questions, evenly spread."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._due = 0.0

    def hits(self) -> bool:
        """Return whether this one is due."""
        self._due += self._share
        if self._due < 1 - 1e-9:
            return False
        self._due -= 1
        return True


class Drill:
    """The order in force. A new one starts its shares afresh."""

    def __init__(self) -> None:
        self.start(DrillOrder())

    def start(self, order: DrillOrder) -> None:
        """Put an order into force."""
        self.order = order
        self.delays = Regular(order.delay_share if order.delay_ms else 0)
        self.faults = Regular(order.fault_share)


class DrillMiddleware:
    """Carries the order out on every endpoint but /drill."""

    def __init__(self, app: ASGIApp, drill: Drill) -> None:
        self._app = app
        self._drill = drill

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Delay, fail or serve one request."""
        if scope["type"] == "http" and scope["path"] != "/drill" and drills_allowed():
            delayed, failing = self._drill.delays.hits(), self._drill.faults.hits()
            order = self._drill.order
            if delayed:
                await asyncio.sleep(order.delay_ms / 1000)
            if failing:
                await JSONResponse({"detail": "drill"}, order.fault_status)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def drills_allowed() -> bool:
    """Return whether this engine may be told to misbehave."""
    return os.environ.get("AI_ENGINE_DRILLS") == "1"


async def get_drill(request: Request) -> Drill:
    """Return the drill, or 404 where there is none."""
    if not drills_allowed():
        raise HTTPException(404, "Not Found")
    drill: Drill = request.app.state.drill
    return drill


CurrentDrill = Annotated[Drill, Depends(get_drill)]
router = APIRouter(prefix="/drill", tags=["drill"])


@router.get("")
async def show_drill(drill: CurrentDrill) -> DrillOrder:
    """Return the order in force."""
    return drill.order


@router.put("")
async def start_drill(order: DrillOrder, drill: CurrentDrill) -> DrillOrder:
    """Put an order into force; `{}` ends the drill."""
    drill.start(order)
    return order
