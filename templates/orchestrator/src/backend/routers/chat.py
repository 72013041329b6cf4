"""POST /api/chat: a message of an end user in, the AI Engine's reply out."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, StringConstraints

from backend.answers import Reply
from backend.dependencies_enterprise import Coherence, Engine, Tenant, rate_limited
from backend.utils.cache_coherence import InvalidationType

router = APIRouter(prefix="/api/chat", tags=["chat"])

Phone = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=32)]
MessageText = Annotated[str, StringConstraints(min_length=1, max_length=4000)]


class ChatMessage(BaseModel):
    """What an end user wrote, and the phone number that names the conversation."""

    model_config = ConfigDict(extra="forbid")
    phone: Phone
    message: MessageText


@router.post("", response_model=Reply, dependencies=[Depends(rate_limited("chat"))])
async def chat(message: ChatMessage, tenant: Tenant, engine: Engine, coherence: Coherence) -> dict[str, Any]:
    """Answer one message. The conversation's cached lists are stale afterwards."""
    async with coherence.invalidating(InvalidationType.MESSAGE_CREATED, tenant) as write:
        answer = await engine.request("POST", "/api/chat", tenant, json=message.model_dump())
        write.resource_id = answer.get("conversation_id")
    return answer
