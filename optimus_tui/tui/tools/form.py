"""A form made from a tool's input schema: one line a field. It knows JSON Schema, and no tool.

Enums are choices, booleans switches, numbers and texts are typed. What is filled in is handed over as it is: whether it
is right is said by ``tools.arguments``, as on every other surface. A field at its default is not sent.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.suggester import SuggestFromList
from textual.widget import Widget
from textual.widgets import Input, Label

from optimus_tui.wording.safe import safe_text


class FormChoice(Widget, can_focus=True):
    """One of a few values: left, right and space change it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("left,h", "turn(-1)", ""),
        ("right,l,space", "turn(1)", ""),
    ]
    at = reactive(0)

    class Turned(Message):
        """Another value was chosen."""

    def __init__(self, values: Sequence[Any], value: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.values = list(values)
        self.set_reactive(FormChoice.at, self.values.index(value) if value in self.values else 0)

    @property
    def value(self) -> Any:
        """Return the chosen value."""
        return self.values[self.at]

    def choose(self, value: Any) -> None:
        """Choose a value; one that is not offered changes nothing."""
        if value in self.values:
            self.at = self.values.index(value)

    def action_turn(self, by: int) -> None:
        """Choose the next value, or one before with a negative number."""
        self.at = (self.at + by) % len(self.values)

    def watch_at(self) -> None:
        """Tell the form that another value was chosen."""
        if self.is_mounted:
            self.post_message(self.Turned())

    def on_click(self) -> None:
        """Choose the next value."""
        self.action_turn(1)

    def render(self) -> Content:
        """Return the value between arrows, with its place among the values."""
        word = {True: "yes", False: "no", None: "choose …"}.get(self.value, self.value)
        place = "" if len(self.values) <= 2 else f"   {self.at + (self.values[0] is not None)}/{len(self._real)}"
        return Content.from_markup("[$primary]◂[/] $word [$primary]▸[/][$quiet]$place[/]", word=str(word), place=place)

    @property
    def _real(self) -> list[Any]:
        return [value for value in self.values if value is not None]


class ToolForm(Vertical):
    """Fields for ``schema``; ``values()`` are the arguments that differ from the defaults."""

    class Changed(Message):
        """Something was typed or chosen."""

    class Submitted(Message):
        """Enter in a field."""

    def __init__(self, schema: Mapping[str, Any], given: Mapping[str, Any], tenants: Sequence[str]) -> None:
        super().__init__(classes="tool-form")
        self.schema, self.given, self.tenants = schema, dict(given), list(tenants)
        self.properties: dict[str, dict[str, Any]] = dict(schema.get("properties", {}))
        self.fields: dict[str, Input | FormChoice] = {}

    def compose(self) -> ComposeResult:
        """Return a line for each argument: name, field, bounds."""
        widest = max((len(name) for name in self.properties), default=0)
        for name, spec in self.properties.items():
            field = self.fields[name] = self._field(name, resolved(spec, self.schema))
            needed = name in self.schema.get("required", ())
            with Horizontal(classes="field"):
                yield Label(Content(f"{name}{' *' if needed else ''}".ljust(widest + 2)), classes="field-name")
                yield field
                yield Label(Content(bounds_words(resolved(spec, self.schema))), classes="field-note")

    def _field(self, name: str, spec: Mapping[str, Any]) -> Input | FormChoice:
        default = self.properties[name].get("default", spec.get("default"))
        value = self.given.get(name, default)
        if spec.get("type") == "boolean":
            return FormChoice((True, False), value, classes="field-value")
        if "enum" in spec:
            values = list(spec["enum"])
            return FormChoice(values if value in values else [None, *values], value, classes="field-value")
        text = "" if value is None else str(value)
        if isinstance(value, list):
            text = ",".join(map(str, value))
        names = self.tenants if "tenant" in name else []
        return Input(
            text,
            placeholder="" if default is None else str(default),
            suggester=SuggestFromList(names) if names else None,
            select_on_focus=True,
            compact=True,
            max_length=4096,
            classes="field-value",
        )

    def values(self) -> dict[str, Any]:
        """Return the arguments. Text in a number's field stays text: the tool's own check says what is wrong."""
        found: dict[str, Any] = {}
        for name, field in self.fields.items():
            spec = resolved(self.properties[name], self.schema)
            value = field.value if isinstance(field, FormChoice) else typed(field.value, spec)
            default = self.properties[name].get("default", spec.get("default"))
            if value is not None and value != default:
                found[name] = value
        return found

    def about(self) -> str:
        """Return what the field with the focus is for."""
        for name, field in self.fields.items():
            if field.has_focus:
                spec = self.properties[name]
                return safe_text(spec.get("description") or resolved(spec, self.schema).get("description") or "", 300)
        return ""

    def focus_first(self) -> None:
        """Focus the first choice that must be made, else the first field."""
        empty = [f for f in self.fields.values() if isinstance(f, FormChoice) and f.value is None]
        for field in [*empty, *self.fields.values()]:
            field.focus()
            return

    def focus_step(self, by: int) -> bool:
        """Go to the next field; False where there is none."""
        fields = list(self.fields.values())
        at = next((i for i, field in enumerate(fields) if field is self.screen.focused), -1) + by
        if not 0 <= at < len(fields):
            return False
        self.screen.set_focus(fields[at])  # at once: the next key may be here already
        return True

    def on_key(self, event: events.Key) -> None:
        """Go to another field with up and down; enter on a choice submits."""
        if event.key in ("up", "down"):
            event.stop()
            self.focus_step(1 if event.key == "down" else -1)
        elif event.key == "enter" and any(isinstance(f, FormChoice) and f.has_focus for f in self.fields.values()):
            event.stop()
            self.post_message(self.Submitted())

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Submitted())

    @on(Input.Changed)
    @on(FormChoice.Turned)
    def _changed(self, event: Message) -> None:
        event.stop()
        self.post_message(self.Changed())

    def on_descendant_focus(self) -> None:
        """Let the screen show what the field with the focus is for."""
        self.post_message(self.Changed())


def resolved(spec: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of one value: references followed, the one alternative that is not null."""
    found = dict(spec)
    if "$ref" in found:
        found |= schema.get("$defs", {}).get(str(found["$ref"]).rsplit("/", 1)[-1], {})
    real = [one for one in found.get("anyOf", ()) if one.get("type") != "null"]
    if len(real) == 1:
        found |= resolved(real[0], schema)
    return found


def bounds_words(spec: Mapping[str, Any]) -> str:
    """Return the bounds of a value: ``1 to 10,080``. For lists, what they may hold."""
    low, high = spec.get("minimum"), spec.get("maximum")
    if low is not None and high is not None:
        return f"{low:,} to {high:,}"
    if low is not None:
        return f"from {low:,}"
    items = spec.get("items") or {}
    return "of " + ", ".join(map(str, items["enum"])) if "enum" in items else ""


def typed(text: str, spec: Mapping[str, Any]) -> Any:
    """Return a text as the schema's type. None for an empty field; the text itself if it does not fit."""
    if text == "":
        return None
    if spec.get("type") in ("integer", "number"):
        try:
            return int(text)
        except ValueError:
            return text
    if spec.get("type") == "array":
        return [part.strip() for part in text.split(",") if part.strip()]
    return text
