"""What the gateway answers with. An engine that adds fields may: they are passed on. One that leaves these out is a 502."""

from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict

Item = TypeVar("Item")


class Answer(BaseModel):
    """An object of the AI Engine's, with what is certain of it."""

    model_config = ConfigDict(extra="allow")


class Page(Answer, Generic[Item]):
    """A part of a list, and how many there are."""

    items: list[Item]
    total: int


class Conversation(Answer):
    """A conversation without its messages."""

    id: str
    title: str


class Message(Answer):
    """What was said by whom."""

    id: str
    role: str
    text: str


class Export(Answer):
    """A conversation with its latest messages."""

    conversation: Conversation
    messages: list[Message]


class Reply(Answer):
    """The answer to an end user's message."""

    reply: str


class ProfileAnswer(Answer):
    """How the tenant presents itself."""

    display_name: str
