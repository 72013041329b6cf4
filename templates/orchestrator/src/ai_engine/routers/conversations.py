"""Chat, conversations, messages and the profile of one tenant."""

import json
from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from ai_engine.answers import ChatAnswer, ConversationAnswer, MessageAnswer, Page, ProfileAnswer
from ai_engine.contract import Item, StoreUnavailable
from ai_engine.dependencies import Limit, Offset, Storable, Tenant
from ai_engine.replies import Chat

router = APIRouter(prefix="/api")

Phone = Annotated[str, Field(min_length=1, max_length=32), Storable]
Text = Annotated[str, Field(min_length=1, max_length=4000), Storable]
Title = Annotated[str, Field(min_length=1, max_length=200), Storable]


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

    display_name: Annotated[str, Field(min_length=1, max_length=100), Storable]


def _found(thing: Item | None) -> Item:
    if thing is None:
        raise HTTPException(404, "no such conversation")
    return thing


async def get_chat(body: ChatRequest, tenant: Tenant, request: Request) -> Chat:
    """Return the message that was sent, with who answers it."""
    return Chat(body.phone, body.message, tenant, request.app.state.model)


Asked = Annotated[Chat, Depends(get_chat)]


@router.post("/chat", response_model=ChatAnswer)
async def chat(asked: Asked) -> Item:
    """Answer a message from the tenant's documents and messages; a first one opens the conversation."""
    return await asked.reply()


@router.post("/chat/stream", response_class=StreamingResponse)
async def stream_chat(asked: Asked) -> StreamingResponse:
    """Answer as server-sent events: `words` as a model says them, then the whole `answer`, or an `error`."""
    return StreamingResponse(_events(asked), media_type="text/event-stream")


async def _events(asked: Chat) -> AsyncIterator[str]:
    try:
        async for part in asked.parts():
            name = "words" if isinstance(part, str) else "answer"
            yield f"event: {name}\ndata: {json.dumps(part)}\n\n"
    except StoreUnavailable:
        yield f"event: error\ndata: {json.dumps('the database of the engine cannot be reached')}\n\n"


@router.get("/conversations", response_model=Page[ConversationAnswer])
async def list_conversations(tenant: Tenant, limit: Limit = 50, offset: Offset = 0) -> Item:
    """Return conversations, the one with the latest word first."""
    return await tenant.list_conversations(limit, offset)


@router.post("/conversations", status_code=201, response_model=ConversationAnswer)
async def create_conversation(new: NewConversation, tenant: Tenant) -> Item:
    """Open a conversation; 409 where the number has one."""
    opened = await tenant.open_conversation(new.phone, new.title)
    if opened is None:
        raise HTTPException(409, "there is a conversation with this phone number")
    return opened


@router.get("/conversations/{id}", response_model=ConversationAnswer)
async def read_conversation(id: str, tenant: Tenant) -> Item:
    """Return one conversation."""
    return _found(await tenant.conversation(id))


@router.patch("/conversations/{id}", response_model=ConversationAnswer)
async def rename_conversation(id: str, change: TitleChange, tenant: Tenant) -> Item:
    """Give a conversation another title."""
    return _found(await tenant.rename_conversation(id, change.title))


@router.delete("/conversations/{id}", status_code=204)
async def delete_conversation(id: str, tenant: Tenant) -> None:
    """Forget a conversation."""
    if not await tenant.delete_conversation(id):
        _found(None)


@router.get("/conversations/{id}/messages", response_model=Page[MessageAnswer])
async def list_messages(id: str, tenant: Tenant, limit: Limit = 50, offset: Offset = 0) -> Item:
    """Return messages, the oldest first."""
    return _found(await tenant.list_messages(id, limit, offset))


@router.post("/conversations/{id}/messages", status_code=201, response_model=MessageAnswer)
async def create_message(id: str, new: NewMessage, tenant: Tenant) -> Item:
    """File a message without answering it."""
    return _found(await tenant.say(id, new.role, new.text))


@router.get("/profile", response_model=ProfileAnswer)
async def read_profile(tenant: Tenant) -> Item:
    """Return the tenant's profile."""
    return await tenant.profile()


@router.put("/profile", response_model=ProfileAnswer)
async def update_profile(profile: Profile, tenant: Tenant) -> Item:
    """Replace the tenant's profile."""
    return await tenant.change_profile(profile.display_name)
