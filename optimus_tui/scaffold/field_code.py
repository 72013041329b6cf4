"""Fields as lines of the generated models: for creating, for changing, and for answers. Pure."""

from collections.abc import Sequence

from optimus_tui.scaffold.fields import TEXT_LENGTHS, TYPES, Field, all_fields, literal, when
from optimus_tui.scaffold.lay import WIDTH, lay


class ModelCode:
    """The models of one resource."""

    def __init__(self, entity: str, fields: Sequence[Field]) -> None:
        """Make the lines on demand.

        Args:
            entity: The class of the resource.
            fields: Its fields.
        """
        self.entity, self.fields = entity, fields

    def type_name(self, field: Field) -> str:
        """Return the name of the type made for this field alone, as it is in answers."""
        return f"{field.class_part}Of{self.entity}"

    def inner_name(self, outer: Field, field: Field) -> str:
        """Return the name of the type made for this field of a nested model."""
        return f"{field.class_part}Of{self.type_name(outer)}"

    @property
    def models(self) -> list[Field]:
        """The fields that hold nested models."""
        return [field for field in self.fields if field.type == "model"]

    def definitions(self) -> list[str]:
        """Return the definitions of named types: enums, and the bounded elements of lists."""
        named = [(self.type_name(field), field) for field in self.fields]
        named += [(self.inner_name(outer, field), field) for outer in self.models for field in outer.fields]
        lines = list[str]()
        for name, field in named:
            if field.type == "enum":
                lines.append(lay(f"{name} = Literal[", [literal(value) for value in field.values], "]"))
            elif field.is_list and field.bounds:
                bounds = _bounds(field)
                if field.type != "datetime":  # two of its bounds are longer than a line
                    bounds = [", ".join(bounds)]
                each = [f"Field({bound})" for bound in bounds]
                lines.append(lay(f"{name} = Annotated[", [_plain(field), *each], "]"))
        return lines

    def sent(self, field: Field, outer: Field | None = None) -> str:
        """Return the line of a field in the model that callers send."""
        options = [*_alias(field), *_own_bounds(field), *_description(field)]
        return _line(field, self._sent_type(field, outer), _default(field), options)

    def changed(self, field: Field) -> str:
        """Return the line of a field in the model for changes, where each may be left out."""
        options = [*_alias(field), *_own_bounds(field), *_description(field)]
        return _line(field, self._sent_type(field, None), "None" if field.optional else "UNSENT", options)

    def answered(self, field: Field) -> str:
        """Return the line of a field in the model of answers, which has no bounds."""
        if field.type == "model":
            bare = self.type_name(field)
        else:
            bare = "str" if field.type == "enum" else TYPES[field.type].bare
        return _line(field, _wrapped(field, bare), _default(field), [*_alias(field), *_description(field)])

    def _sent_type(self, field: Field, outer: Field | None) -> str:
        if field.type == "model":
            one = f"New{self.type_name(field)}"
        elif field.has_type_name:
            one = self.inner_name(outer, field) if outer else self.type_name(field)
        else:
            one = _plain(field)
        return _wrapped(field, one)

    def names_sent(self) -> set[str]:
        """Return the names that the models callers send need: imports, and the types ``Text``, ``Email``, ``Url``."""
        found = set[str]()
        for field in all_fields(self.fields):
            found.update(when(field.type == "enum", "Literal"))
            found.update(when(field.is_list and field.bounds, "Annotated", "Field"))
            found.update(when(_own_bounds(field) or _alias(field) or _description(field), "Field"))
            if field.type in TYPES:
                found.add(_plain(field).partition(".")[0])
        return found

    def names_answered(self) -> set[str]:
        """Return the names that the models of answers need."""
        found = set[str]()
        for field in all_fields(self.fields):
            found.update(when(_alias(field) or _description(field), "Field"))
            if field.type in TYPES:
                found.add(TYPES[field.type].bare.partition(".")[0])
        return found


def _plain(field: Field) -> str:
    """Return the type of one value, without bounds that were named."""
    if field.type == "str" and field.bounds:
        return "str"
    return TYPES[field.type].annotation


def _wrapped(field: Field, one: str) -> str:
    return f"{f'list[{one}]' if field.is_list else one}{' | None' * field.optional}"


def _line(field: Field, annotation: str, default: str, options: Sequence[str]) -> str:
    """Return one line, or several where one is too long."""
    opening = f"    {field.attribute}: {annotation}"
    if not options:
        line = f"{opening} = {default}" if default else opening
        if len(line) <= WIDTH:
            return line
    return lay(f"{opening} = Field(", [*when(default, f"default={default}"), *options], ")")


def _default(field: Field) -> str:
    if field.required:
        return ""
    return literal(field.default)


def _alias(field: Field) -> tuple[str, ...]:
    return when(field.attribute != field.name, f"alias={literal(field.name)}")


def _description(field: Field) -> tuple[str, ...]:
    return when(field.description, f"description={literal(field.description)}")


def _bounds(field: Field) -> list[str]:
    """Return the bounds of one value, as arguments."""
    bounds = dict(field.text_lengths) if field.type == "str" and field.bounds else dict(field.bounds)
    return [f"{word}={literal(bound)}" for word, bound in bounds.items()]


def _own_bounds(field: Field) -> list[str]:
    """Return the bounds that stand beside the field itself."""
    if not field.is_list:
        return _bounds(field)
    lengths = {word: length for word, length in field.list_lengths.items() if length or word == "max_length"}
    return [f"{word}={length}" for word, length in lengths.items()]


TEXT_BOUNDS = ", ".join(f"{word}={length}" for word, length in TEXT_LENGTHS.items())
"""The lengths of a text for which none were named, as arguments."""
