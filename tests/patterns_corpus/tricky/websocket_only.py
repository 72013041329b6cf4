# expect: nothing
"""A socket: neither statuses nor models, and its limits are of another kind."""
import logging

from fastapi import APIRouter, Depends, WebSocket, WebSocketDisconnect

from chat.deps import hub, socket_tenant

log = logging.getLogger(__name__)
router = APIRouter()


@router.websocket("/live")
async def live(socket: WebSocket, tenant: str = Depends(socket_tenant), room=Depends(hub)) -> None:
    await socket.accept()
    try:
        async for line in socket.iter_text():
            await room.say(tenant, line)
    except WebSocketDisconnect:
        log.info("left %s", tenant)
