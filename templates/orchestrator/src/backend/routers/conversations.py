"""/api/conversations: the tenant's conversations, kept by the AI Engine, cached here."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, ConfigDict, StringConstraints

from backend.answers import Conversation, Export, Page
from backend.dependencies_enterprise import Cache, Coherence, Engine, Paging, Tenant, rate_limited
from backend.routers.chat import Phone
from backend.utils.cache_coherence import InvalidationType

router = APIRouter(prefix="/api/conversations", tags=["conversations"])

ConversationId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Title = Annotated[str, StringConstraints(min_length=1, max_length=200)]
_EXPORTED_MESSAGES = 200


class NewConversation(BaseModel):
    """Whom the conversation is with."""

    model_config = ConfigDict(extra="forbid")
    phone: Phone
    title: Title | None = None


class ConversationChange(BaseModel):
    """What may be changed."""

    model_config = ConfigDict(extra="forbid")
    title: Title


@router.get("", response_model=Page[Conversation], dependencies=[Depends(rate_limited("list_conversations"))])
async def list_conversations(
    tenant: Tenant, page: Paging, engine: Engine, cache: Cache, response: Response
) -> dict[str, Any]:
    """Return a page of conversations, the latest first."""
    found = await cache.fetch(
        "list_conversations",
        tenant,
        page.limit,
        page.offset,
        load=lambda: engine.request("GET", "/api/conversations", tenant, params=page.as_query()),
        model=Page[Conversation],
    )
    return found.answer(response)


@router.post(
    "",
    response_model=Conversation,
    status_code=201,
    dependencies=[Depends(rate_limited("create_conversation"))],
)
async def create_conversation(
    conversation: NewConversation, tenant: Tenant, engine: Engine, coherence: Coherence
) -> dict[str, Any]:
    """Open a conversation; 409 where there is one with this phone number."""
    body = conversation.model_dump(exclude_none=True)
    async with coherence.invalidating(InvalidationType.CONVERSATION_CREATED, tenant):
        return await engine.request("POST", "/api/conversations", tenant, json=body)


@router.get(
    "/{conversation_id}",
    response_model=Conversation,
    dependencies=[Depends(rate_limited("get_conversation"))],
)
async def get_conversation(
    conversation_id: ConversationId, tenant: Tenant, engine: Engine, cache: Cache, response: Response
) -> dict[str, Any]:
    """Return one conversation without its messages."""
    found = await cache.fetch(
        "conversation",
        tenant,
        conversation_id,
        load=lambda: engine.request("GET", f"/api/conversations/{conversation_id}", tenant),
        model=Conversation,
    )
    return found.answer(response)


@router.patch(
    "/{conversation_id}",
    response_model=Conversation,
    dependencies=[Depends(rate_limited("update_conversation"))],
)
async def update_conversation(
    conversation_id: ConversationId,
    change: ConversationChange,
    tenant: Tenant,
    engine: Engine,
    coherence: Coherence,
) -> dict[str, Any]:
    """Change a conversation's title."""
    path = f"/api/conversations/{conversation_id}"
    async with coherence.invalidating(
        InvalidationType.CONVERSATION_UPDATED, tenant, resource_id=conversation_id
    ):
        return await engine.request("PATCH", path, tenant, json=change.model_dump())


@router.delete(
    "/{conversation_id}", status_code=204, dependencies=[Depends(rate_limited("delete_conversation"))]
)
async def delete_conversation(
    conversation_id: ConversationId, tenant: Tenant, engine: Engine, coherence: Coherence
) -> None:
    """Delete a conversation and its messages."""
    async with coherence.invalidating(
        InvalidationType.CONVERSATION_DELETED, tenant, resource_id=conversation_id
    ):
        await engine.request("DELETE", f"/api/conversations/{conversation_id}", tenant)


@router.get(
    "/{conversation_id}/export", response_model=Export, dependencies=[Depends(rate_limited("export"))]
)
async def export_conversation(
    conversation_id: ConversationId, tenant: Tenant, engine: Engine
) -> dict[str, Any]:
    """Return a conversation with its latest messages, as the engine has them now: an export is never cached."""
    path = f"/api/conversations/{conversation_id}"
    conversation = await engine.request("GET", path, tenant)
    messages = await engine.request("GET", f"{path}/messages", tenant, params={"limit": _EXPORTED_MESSAGES})
    return {"conversation": conversation, "messages": messages.get("items", [])}
