"""POST /api/chat: a message of an end user in, the AI Engine's reply out."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException
from pydantic import BaseModel, ConfigDict, StringConstraints

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


@router.post("", dependencies=[Depends(rate_limited("chat"))])
async def chat(message: ChatMessage, tenant: Tenant, engine: Engine, coherence: Coherence) -> dict[str, Any]:
    """Answer one message. The conversation's cached lists are stale afterwards."""
    answer = await engine.request("POST", "/api/chat", tenant, json=message.model_dump())
    await coherence.invalidate_by_event(
        InvalidationType.MESSAGE_CREATED, tenant, resource_id=answer.get("conversation_id")
    )
    if not isinstance(answer.get("reply"), str):
        raise HTTPException(502, "the AI Engine answered without a reply")
    return answer
