"""A form made from a tool's input schema, with a line for each field. It knows JSON Schema, but no tool.

Enums and booleans are choices, numbers and texts are typed. Values are passed on unchanged and checked by
``tools.answer``, as on every other surface. A field at its default is not sent.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.suggester import SuggestFromList
from textual.widget import Widget
from textual.widgets import Input, Label, Select

from optimus_tui.tools.pages.format_value import in_plain_words
from optimus_tui.wording.safe import safe_text


class FormChoice(Select[Any], inherit_bindings=False):
    """A choice of one of a few values on one line: left, right and space choose, a click opens the list.

    Enter, up and down belong to the form.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        ("left,h", "turn(-1)", ""),
        ("right,l,space", "turn(1)", ""),
    ]

    def __init__(self, values: Sequence[Any], value: Any, **kwargs: Any) -> None:
        """Choose a value, or none if it is not offered.

        Args:
            values: What can be chosen; True and False are written as yes and no.
            value: What is chosen at first.
            **kwargs: The widget's name, id and classes.
        """
        self.places = list(values)
        if value not in values:
            value = Select.NULL
            self.places.insert(0, value)
        super().__init__(
            [(Text({True: "yes", False: "no"}.get(item, str(item))), item) for item in values],
            prompt="choose with ← →",
            allow_blank=value is Select.NULL,
            value=value,
            compact=True,
            **kwargs,
        )

    def action_turn(self, by: int) -> None:
        """Choose the next value, or the previous one with a negative number."""
        self.value = self.places[(self.places.index(self.value) + by) % len(self.places)]


def step_focus(screen: Screen[Any], places: Sequence[Widget], by: int) -> bool:
    """Focus the next widget, at once, because the next key may have arrived already.

    Args:
        screen: The screen of the widgets.
        places: The widgets that can have the focus, from top to bottom.
        by: How many widgets to move; negative to move up.

    Returns:
        False if there is no such widget.
    """
    at = next((i for i, place in enumerate(places) if place is screen.focused), -1) + by
    if not 0 <= at < len(places):
        return False
    screen.set_focus(places[at])
    return True


class ToolForm(Vertical):
    """The fields for ``schema``; ``values()`` returns the arguments that differ from the defaults."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("up", "step(-1)", ""),
        ("down", "step(1)", ""),
        ("enter", "submit", ""),
    ]

    class FormChanged(Message):
        """Posted when something was typed or chosen, or another field has the focus."""

    class FormSubmitted(Message):
        """Posted when Enter is pressed in a field."""

    def __init__(self, schema: Mapping[str, Any], given: Mapping[str, Any], tenants: Sequence[str]) -> None:
        super().__init__(classes="tool-form")
        self.schema, self.given, self.tenants = schema, dict(given), list(tenants)
        self.properties: dict[str, dict[str, Any]] = dict(schema.get("properties", {}))
        self.fields: dict[str, Input | FormChoice] = {}

    def compose(self) -> ComposeResult:
        """Return a line for each argument: name, field, bounds."""
        widest = max((len(in_plain_words(name)) for name in self.properties), default=0)
        for name, spec in self.properties.items():
            field = self.fields[name] = self._field(name, resolved(spec, self.schema))
            title = in_plain_words(name)
            if name in self.schema.get("required", ()):
                title += " *"
            with Horizontal(classes="field"):
                yield Label(Content(title.ljust(widest + 2)), classes="field-name")
                yield field
                yield Label(Content(bounds_words(resolved(spec, self.schema))), classes="field-note")

    def _field(self, name: str, spec: Mapping[str, Any]) -> Input | FormChoice:
        default = self.properties[name].get("default", spec.get("default"))
        value = self.given.get(name, default)
        if spec.get("type") == "boolean":
            return FormChoice((True, False), value, classes="field-value")
        if "enum" in spec:
            return FormChoice(spec["enum"], value, classes="field-value")
        suggester = None
        if "tenant" in name and self.tenants:
            suggester = SuggestFromList(self.tenants)
        return Input(
            field_text(value),
            placeholder=field_text(default),
            suggester=suggester,
            select_on_focus=True,
            compact=True,
            max_length=4096,
            classes="field-value",
        )

    def values(self) -> dict[str, Any]:
        """Return the arguments. Text in a number's field stays text; the tool's own check reports it."""
        result: dict[str, Any] = {}
        for name, field in self.fields.items():
            spec = resolved(self.properties[name], self.schema)
            value = field.selection if isinstance(field, FormChoice) else typed(field.value, spec)
            default = self.properties[name].get("default", spec.get("default"))
            if value is not None and value != default:
                result[name] = value
        return result

    def about(self) -> str:
        """Return the description of the focused field."""
        for name, field in self.fields.items():
            if field.has_focus:
                spec = self.properties[name]
                return safe_text(spec.get("description") or resolved(spec, self.schema).get("description") or "", 300)
        return ""

    def focus_first(self) -> None:
        """Focus the first choice that must be made, else the first field."""
        empty = [f for f in self.fields.values() if isinstance(f, FormChoice) and f.is_blank()]
        for field in [*empty, *self.fields.values()]:
            field.focus()
            return

    def action_step(self, by: int) -> None:
        """Go to the next field, or to the previous one with a negative number."""
        step_focus(self.screen, list(self.fields.values()), by)

    @on(Input.Submitted)
    def action_submit(self) -> None:
        """Tell the screen that the form is filled in."""
        self.post_message(self.FormSubmitted())

    @on(Input.Changed)
    @on(Select.Changed)
    def on_descendant_focus(self) -> None:
        """Let the screen check the form and show the description of the focused field."""
        self.post_message(self.FormChanged())


def resolved(spec: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of one value, with references followed and null removed from its alternatives."""
    result = dict(spec)
    if "$ref" in result:
        result |= schema.get("$defs", {}).get(str(result["$ref"]).rsplit("/", 1)[-1], {})
    real = [item for item in result.get("anyOf", ()) if item.get("type") != "null"]
    if len(real) == 1:
        result |= resolved(real[0], schema)
    return result


def field_text(value: Any) -> str:
    """Return a value as it is typed: a list with commas, an empty text for None."""
    if isinstance(value, list):
        return ",".join(map(str, value))
    if value is None:
        return ""
    return str(value)


def bounds_words(spec: Mapping[str, Any]) -> str:
    """Return the bounds of a value: ``1 to 10,080``. For a list, the values that it may contain."""
    low, high = spec.get("minimum"), spec.get("maximum")
    if low is not None and high is not None:
        return f"{low:,} to {high:,}"
    if low is not None:
        return f"from {low:,}"
    items = spec.get("items") or {}
    if "enum" in items:
        return "of " + ", ".join(map(str, items["enum"]))
    return ""


def typed(text: str, spec: Mapping[str, Any]) -> Any:
    """Return a typed text in the schema's type; None for an empty field, the text itself if it does not fit."""
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
