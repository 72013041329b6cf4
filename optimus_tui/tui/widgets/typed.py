"""Fields that control what gets into them: typed key by key, pasted as one line, or of bounded length.

The first refuses what is pasted and says so. A pasted line break never confirms anything.
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
        """Refuse to paste."""
        self.action_refuse_paste()

    def action_refuse_paste(self) -> None:
        """Say that nothing can be pasted here; the field stays as it is."""
        self.post_message(self.PasteRefused())


class ReasonInput(Input):
    """One line of prose. Several pasted lines become one: none of them is an Enter."""

    async def _on_paste(self, event: events.Paste) -> None:  # type: ignore[override]
        event.stop()
        event.prevent_default()
        self.insert_text_at_cursor(" ".join(event.text.split()))


class BoundedInput(Input):
    """One line of at most ``max_length`` characters."""

    class TooLong(Message):
        """What was to be put in has no room; the line is as it was."""

        def __init__(self, limit: int) -> None:
            super().__init__()
            self.sentence = f"a line holds {limit:,} characters at most: what was put in is left out"

    def restricted(self) -> None:
        """Say that there is no room."""
        self.post_message(self.TooLong(self.max_length or 0))
