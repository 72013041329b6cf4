"""/api/conversations/{id}/messages: what was said, kept by the AI Engine, cached here."""

from typing import Any, Literal

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict

from backend.answers import Message, Page
from backend.dependencies_enterprise import Cache, Coherence, Engine, Paging, Tenant, rate_limited
from backend.routers.chat import MessageText
from backend.routers.conversations import ConversationId
from backend.utils.cache_coherence import InvalidationType

router = APIRouter(prefix="/api/conversations/{conversation_id}/messages", tags=["messages"])


class NewMessage(BaseModel):
    """A message to file, of a user or of a human agent. It is not answered: that is what /api/chat does."""

    model_config = ConfigDict(extra="forbid")
    role: Literal["user", "agent"]
    text: MessageText


@router.get("", response_model=Page[Message], dependencies=[Depends(rate_limited("list_messages"))])
async def list_messages(
    conversation_id: ConversationId,
    tenant: Tenant,
    page: Paging,
    engine: Engine,
    cache: Cache,
    response: Response,
) -> dict[str, Any]:
    """Return a page of a conversation's messages, the oldest first."""
    path = f"/api/conversations/{conversation_id}/messages"
    found = await cache.fetch(
        "list_messages",
        tenant,
        conversation_id,
        page.limit,
        page.offset,
        load=lambda: engine.request("GET", path, tenant, params=page.as_query()),
        model=Page[Message],
    )
    return found.answer(response)


@router.post(
    "", response_model=Message, status_code=201, dependencies=[Depends(rate_limited("create_message"))]
)
async def create_message(
    conversation_id: ConversationId, message: NewMessage, tenant: Tenant, engine: Engine, coherence: Coherence
) -> dict[str, Any]:
    """File a message."""
    path = f"/api/conversations/{conversation_id}/messages"
    async with coherence.invalidating(InvalidationType.MESSAGE_CREATED, tenant, resource_id=conversation_id):
        return await engine.request("POST", path, tenant, json=message.model_dump())
