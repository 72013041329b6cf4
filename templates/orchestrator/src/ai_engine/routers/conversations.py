"""Chat, conversations, messages and the profile of one tenant."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, HTTPException
from pydantic import BaseModel, Field

from ai_engine.dependencies import Limit, Offset, Tenant
from ai_engine.replies import reply_to
from ai_engine.store import Conversation, Item, conversation_id, page_of

router = APIRouter(prefix="/api")

Phone = Annotated[str, Field(min_length=1, max_length=32)]
Text = Annotated[str, Field(min_length=1, max_length=4000)]
Title = Annotated[str, Field(min_length=1, max_length=200)]


class ChatRequest(BaseModel):
    """One message of an end user."""

    phone: Phone
    message: Text


class NewConversation(BaseModel):
    """A conversation to open."""

    phone: Phone
    title: Title = "Conversation"


class TitleChange(BaseModel):
    """A new title."""

    title: Title


class NewMessage(BaseModel):
    """A message to file."""

    role: Literal["user", "agent"]
    text: Text


class Profile(BaseModel):
    """How the tenant signs."""

    display_name: Annotated[str, Field(min_length=1, max_length=100)]


async def get_conversation(id: str, tenant: Tenant) -> Conversation:
    """Return the conversation that the path names, or 404."""
    if id not in tenant.conversations:
        raise HTTPException(404, "no such conversation")
    return tenant.conversations[id]


Named = Annotated[Conversation, Depends(get_conversation)]


@router.post("/chat")
async def chat(request: ChatRequest, tenant: Tenant) -> Item:
    """Answer a message; the conversation with that number is opened by its first one."""
    reply = await reply_to(request.message, tenant.profile["display_name"])
    opened = Conversation(request.phone, "Chat")
    conversation = tenant.conversations.setdefault(opened.id, opened)
    conversation.say("user", request.message)
    said = conversation.say("assistant", reply)
    return {"reply": reply, "conversation_id": conversation.id, "message_id": said["id"]}


@router.get("/conversations")
async def list_conversations(tenant: Tenant, limit: Limit = 50, offset: Offset = 0) -> Item:
    """Return conversations, the one with the latest word first."""
    found = sorted(tenant.conversations.values(), key=lambda each: each.updated_at, reverse=True)
    return page_of([each.summary() for each in found], limit, offset)


@router.post("/conversations", status_code=201)
async def create_conversation(new: NewConversation, tenant: Tenant) -> Item:
    """Open a conversation; 409 where the number has one."""
    if conversation_id(new.phone) in tenant.conversations:
        raise HTTPException(409, "there is a conversation with this phone number")
    conversation = Conversation(new.phone, new.title)
    tenant.conversations[conversation.id] = conversation
    return conversation.summary()


@router.get("/conversations/{id}")
async def read_conversation(conversation: Named) -> Item:
    """Return one conversation."""
    return conversation.summary()


@router.patch("/conversations/{id}")
async def rename_conversation(change: TitleChange, conversation: Named) -> Item:
    """Give a conversation another title."""
    conversation.title = change.title
    return conversation.summary()


@router.delete("/conversations/{id}", status_code=204)
async def delete_conversation(conversation: Named, tenant: Tenant) -> None:
    """Forget a conversation."""
    del tenant.conversations[conversation.id]


@router.get("/conversations/{id}/messages")
async def list_messages(conversation: Named, limit: Limit = 50, offset: Offset = 0) -> Item:
    """Return messages, the oldest first."""
    return page_of(list(conversation.messages), limit, offset)


@router.post("/conversations/{id}/messages", status_code=201)
async def create_message(new: NewMessage, conversation: Named) -> Item:
    """File a message without answering it."""
    return conversation.say(new.role, new.text)


@router.get("/profile")
async def read_profile(tenant: Tenant) -> Item:
    """Return the tenant's profile."""
    return tenant.profile


@router.put("/profile")
async def update_profile(profile: Profile, tenant: Tenant) -> Item:
    """Replace the tenant's profile."""
    tenant.profile = {**tenant.profile, **profile.model_dump()}
    return tenant.profile
