"""The reply to a message: what the tenant's own documents and messages say, or that it is not known."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ai_engine.contract import Item, TenantStore, conversation_id
from ai_engine.retrieval import Source

if TYPE_CHECKING:
    from ai_engine.model import Model

UNKNOWN = "I do not know: nothing in our documents and messages answers that."


def quote_sources(sources: list[Source], name: str) -> str:
    """Return a reply that quotes its sources, signed with the tenant's name."""
    return f"{' '.join(each.sentence() for each in sources) or UNKNOWN} ({name})"


@dataclass(slots=True)
class Chat:
    """One message of an end user, and who answers it. `model` is None where none is set up."""

    phone: str
    message: str
    tenant: TenantStore
    model: "Model | None"

    async def reply(self) -> Item:
        """Return the whole answer."""
        answer: Item = {}
        async for part in self.parts():
            if not isinstance(part, str):
                answer = part
        return answer

    async def parts(self) -> AsyncIterator[str | Item]:
        """Yield the words of a model's reply as they come, then the whole answer, which is kept.

        Where the model fails half-way, the whole answer is the quotation of the sources, and says so.
        """
        conversation = conversation_id(self.phone)
        sources = await self.tenant.find_sources(self.message, conversation)
        name = (await self.tenant.profile())["display_name"]
        text = quote_sources(sources, name)
        told: Item | None = None
        if self.model is not None and sources:
            from ai_engine.model import ModelFailed, ModelReply

            worded = ModelReply()
            told = {"used": True, "error": None, "prompt_tokens": None, "completion_tokens": None}
            try:
                async for words in self.model.answer(self.message, sources, name, worded):
                    yield words
                text = f"{worded.text.strip()} ({name})"
            except ModelFailed as error:
                told |= {"used": False, "error": str(error)}
            told |= {"prompt_tokens": worded.prompt_tokens, "completion_tokens": worded.completion_tokens}
        said = await self.tenant.exchange(self.phone, self.message, text)
        yield {
            "reply": text,
            "conversation_id": conversation,
            "message_id": said["id"],
            "sources": [each.described() for each in sources],
            "model": told,
        }
