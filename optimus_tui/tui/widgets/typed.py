"""Fields before something is done: one that has to be typed key by key, and one whose pasted text stays one line.

What is pasted into the first is refused, and said; no line break that is pasted into either goes on to anything.
"""

from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.message import Message
from textual.widgets import Input


class TypedInput(Input):
    """One line of facts that are typed to show that they were read."""

    BINDINGS: ClassVar[list[BindingType]] = [("ctrl+v,shift+insert", "refuse_paste", "")]

    class PasteRefused(Message):
        """Somebody tried to paste."""

    async def _on_paste(self, event: events.Paste) -> None:  # type: ignore[override]
        event.stop()
        event.prevent_default()
        self.action_refuse_paste()

    def action_paste(self) -> None:
        self.action_refuse_paste()

    def action_refuse_paste(self) -> None:
        """Say so; the field stays as it is."""
        self.post_message(self.PasteRefused())


class ReasonInput(Input):
    """One line of prose. Several pasted lines become one: none of them is an Enter."""

    async def _on_paste(self, event: events.Paste) -> None:  # type: ignore[override]
        event.stop()
        event.prevent_default()
        self.insert_text_at_cursor(" ".join(event.text.split()))
