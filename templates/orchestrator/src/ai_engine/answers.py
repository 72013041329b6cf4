"""What the engine answers with, as its OpenAPI page describes it."""

from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict

Kind = TypeVar("Kind")


class Page(BaseModel, Generic[Kind]):
    """A part of a list. `total` is the length of the whole list."""

    items: list[Kind]
    total: int
    limit: int
    offset: int


class ConversationAnswer(BaseModel):
    """A conversation without its messages. Times are in UTC, ISO 8601."""

    id: str
    phone: str
    title: str
    message_count: int
    created_at: str
    updated_at: str


class MessageAnswer(BaseModel):
    """What was said by whom."""

    id: str
    conversation_id: str
    role: str
    text: str
    created_at: str


class SourceAnswer(BaseModel):
    """A passage that a reply quotes."""

    kind: str
    id: str
    title: str
    role: str | None
    quote: str


class ModelUse(BaseModel):
    """Whether a model worded the reply, and what it cost. None for tokens that it did not tell."""

    used: bool
    error: str | None
    prompt_tokens: int | None
    completion_tokens: int | None


class ChatAnswer(BaseModel):
    """The reply to a message. `model` is None where none is set up, or nothing was found to word."""

    reply: str
    conversation_id: str
    message_id: str
    sources: list[SourceAnswer]
    model: ModelUse | None


class ProfileAnswer(BaseModel):
    """How the tenant signs."""

    tenant_id: str
    display_name: str


class StoredItem(BaseModel):
    """An item of a resource: what was sent, and the store's own fields."""

    model_config = ConfigDict(extra="allow")
    id: str
    created_at: str
    updated_at: str
