"""What counts as an answer to a question, and how it is quoted. Pure; Postgres finds by its own full text search."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

MOST_SOURCES = 3
QUOTED_CHARACTERS = 400
_WORD = re.compile(r"\w{2,}")
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_COMMON = frozenset(
    _WORD.findall(
        """
        about am an and any are as at be been but by can could did do does for from had has have he her his how if in
        into is it its me my no not of on or our she should so than that the their them then there these they this those
        to us was we were what when where which who whom why will with would you your
        """
    )
)
"""Words that say nothing of what a question is about."""


@dataclass(frozen=True, slots=True)
class Source:
    """A passage that was found. `role` is who wrote it; a document has none."""

    kind: Literal["document", "message"]
    id: str
    title: str
    role: Literal["user", "agent"] | None
    quote: str

    def described(self) -> dict[str, Any]:
        """Return it as the engine answers with it."""
        return {"kind": self.kind, "id": self.id, "title": self.title, "role": self.role, "quote": self.quote}

    def sentence(self) -> str:
        """Return the quotation with who says so."""
        if self.role == "user":
            return f"You told us: “{self.quote}”"
        if self.role == "agent":
            return f"We wrote: “{self.quote}”"
        return f"{self.title} says: “{self.quote}”" if self.title else f"Our documents say: “{self.quote}”"


def words_of(text: str) -> frozenset[str]:
    """Return the words of a text that say what it is about, in lower case."""
    return frozenset(_WORD.findall(text.lower())) - _COMMON


def fits(shared: int, asked: int) -> bool:
    """Return whether a passage answers a question: it holds at least half of the words that were asked."""
    return shared > 0 and 2 * shared >= asked


def quoted(text: str, question: str) -> str:
    """Return a text whole where it is short, otherwise from the sentence on that says most of the question."""
    text = " ".join(text.split())
    if len(text) <= QUOTED_CHARACTERS:
        return text
    sentences, asked = _SENTENCE.split(text), words_of(question)
    best = max(range(len(sentences)), key=lambda place: (len(words_of(sentences[place]) & asked), -place))
    wanted = " ".join(sentences[best:])
    if len(wanted) > QUOTED_CHARACTERS:
        wanted = wanted[:QUOTED_CHARACTERS].rsplit(" ", 1)[0] + " …"
    return wanted


def texts_in(value: Any) -> Iterator[str]:
    """Yield every text of an item, also of the lists and objects in it; keys are none."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from texts_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts_in(each)


def document_source(id: str, fields: dict[str, Any], question: str) -> Source:
    """Return the passage that a document holds about a question; its title is `title` or `name`."""
    key = next((key for key in ("title", "name") if isinstance(fields.get(key), str)), None)
    rest = {name: value for name, value in fields.items() if name != key}
    title = str(fields[key]) if key else ""
    body = " ".join(texts_in(rest)) or title
    return Source("document", id, quoted(title, ""), None, quoted(body, question))


def message_source(id: str, role: Literal["user", "agent"], text: str, question: str) -> Source:
    """Return the passage that a message holds about a question."""
    return Source("message", id, "", role, quoted(text, question))


def is_question(text: str) -> bool:
    """Return whether a message asks. What an end user asked answers nothing."""
    return text.rstrip().endswith("?")
