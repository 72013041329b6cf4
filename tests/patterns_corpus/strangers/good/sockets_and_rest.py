# expect: nothing
# present: rate_limiting, multi_tenancy, metrics, logging
"""A websocket room beside its REST history: the same guard for both, the history is cached and dropped on a post."""

import asyncio
import logging
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query, WebSocket, WebSocketDisconnect, WebSocketException, status
from fastapi.requests import HTTPConnection
from prometheus_client import Counter, Gauge
from pydantic import BaseModel, StringConstraints, TypeAdapter
from redis.asyncio import Redis
from redis.exceptions import RedisError

log = logging.getLogger(__name__)
CONNECTED = Gauge("room_sockets", "Open sockets.")
POSTED = Counter("room_posts_total", "Posts.")
KEEP = 500


class Post(BaseModel):
    author: Annotated[str, StringConstraints(max_length=60)]
    text: Annotated[str, StringConstraints(min_length=1, max_length=2000)]


posts_of = TypeAdapter(list[Post])


def get_redis(connection: HTTPConnection) -> Redis:
    return connection.app.state.redis


Store = Annotated[Redis, Depends(get_redis)]


async def org(connection: HTTPConnection) -> str:
    value = connection.headers.get("x-org-id")
    if not value or not value.isalnum() or len(value) > 40:
        raise WebSocketException(status.WS_1008_POLICY_VIOLATION) if connection.scope["type"] == "websocket" else (
            HTTPException(400, "X-Org-ID is required")
        )
    return value


Org = Annotated[str, Depends(org)]


async def allow(store: Store, org_id: Org) -> None:
    bucket = f"rate:{org_id}:room"
    await store.set(bucket, 0, ex=10, nx=True)
    if await store.incr(bucket) > 50:
        raise HTTPException(429, "too many posts", headers={"Retry-After": "10"})


router = APIRouter(prefix="/rooms")


@router.get("/{room}/posts", dependencies=[Depends(allow)])
async def history(room: str, org_id: Org, store: Store, limit: Annotated[int, Query(ge=1, le=KEEP)] = 50) -> list[Post]:
    try:
        raw = await store.lrange(f"room:{org_id}:{room}", -limit, -1)
    except RedisError as error:
        log.warning("history not served: %s", type(error).__name__)
        raise HTTPException(503, "the history is unavailable") from error
    return [Post.model_validate_json(one) for one in raw]


@router.post("/{room}/posts", status_code=204, dependencies=[Depends(allow)])
async def post(room: str, org_id: Org, store: Store, message: Post) -> None:
    key = f"room:{org_id}:{room}"
    try:
        async with store.pipeline() as pipe:
            pipe.rpush(key, message.model_dump_json())
            pipe.ltrim(key, -KEEP, -1)
            pipe.expire(key, 86_400)
            pipe.publish(key, message.model_dump_json())
            await pipe.execute()
    except RedisError as error:
        raise HTTPException(503, "the room is unavailable") from error
    POSTED.inc()


@router.websocket("/{room}/live")
async def live(socket: WebSocket, room: str, org_id: Org, store: Store) -> None:
    await socket.accept()
    CONNECTED.inc()
    try:
        async with store.pubsub() as pubsub:
            await pubsub.subscribe(f"room:{org_id}:{room}")
            while True:
                if found := await pubsub.get_message(ignore_subscribe_messages=True, timeout=15):
                    await socket.send_text(found["data"].decode())
                await asyncio.sleep(0)
    except WebSocketDisconnect:
        log.info("socket of %s closed", org_id)
    finally:
        CONNECTED.dec()
