"""The questions that names leave open, each with a few answers, and the rules that follow from the answers. Pure.

A question has no answer at first if the names do not show it: nothing is guessed.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from msgspec import Struct

from optimus_tui.dialects.detect import ANY_COUNTER, Fit
from optimus_tui.dialects.layout import KeyLayout
from optimus_tui.dialects.load import load_preset, load_table
from optimus_tui.dialects.model import Dialect
from optimus_tui.dialects.places import DialectError
from optimus_tui.dialects.shapes import SeenShape, ShapePart
from optimus_tui.wording.numbers import agreeing, plural
from optimus_tui.wording.safe import safe_text

OWN = "own"
"""The answer that the parts of a name are said one by one."""
LEAVE = "leave"
"""The answer that names are left unread."""
FAMILIES = {"limits": "counters", "cache": "cache keys", LEAVE: "neither: leave them unread"}
ROLES = {
    "limits": {"tenant": "the tenant", "operation": "the operation", "any": "says nothing"},
    "cache": {"tenant": "the tenant", "kind": "the kind", "any": "says nothing"},
}
WORD, WINDOW = "word", "index"
NO_TTLS = {
    "stuck": "it refuses for ever",
    "heals": "the limiter sets one",
    "normal": "nothing",
    "dated": "its window is over",
}
_TAGGED = re.compile(r"(\{\{)?\{(\d+)(\.\.\.)?\}(\}\})?")
"""A place, inside the braces of a hash tag or not."""
_PLACE = re.compile(r"\{(\d+)(\.\.\.)?\}$")


class QuestionRow(Struct, frozen=True):
    """One line of a question: its name, its label, and the answers with the words for each. All texts are safe."""

    name: str
    label: str
    choices: Mapping[str, str]


class Question(Protocol):
    """A question about some names. ``answers`` has the chosen answer by the name of each row; open rows are missing."""

    answers: dict[str, str]

    @property
    def title(self) -> str:
        """Return which names it is about, briefly. Safe text."""

    @property
    def about(self) -> str:
        """Return how many names there are, and what has to be known to answer. Safe text."""

    def rows(self) -> Sequence[QuestionRow]:
        """Return the rows of the question; they depend on the answers so far."""

    def extends(self) -> str:
        """Return the preset that follows from the answers; empty for none."""

    def rule(self) -> tuple[str, Mapping[str, Any]] | None:
        """Return the section and the rule that follow from the answers; None for none."""

    def example(self) -> bytes:
        """Return a name that it is about."""


def open_row(question: Question) -> QuestionRow | None:
    """Return the first line that has no answer yet."""
    return next((row for row in question.rows() if question.answers.get(row.name) not in row.choices), None)


def problem_of(question: Question) -> str:
    """Return in a sentence what is missing or wrong in the answers; empty if they are complete."""
    row = open_row(question)
    if row is not None:
        return f"not answered yet: {row.label}"
    made = question.rule()
    if made is None:
        return ""
    section, rule = made
    if section == "limits" and "{tenant" not in rule["key"]:
        return "a counter has a tenant: say which part it is, or that these names are neither"
    try:
        load_table({section: [rule]}, "this rule", within="")
    except DialectError as error:
        return safe_text(str(error), 300)
    return ""


def reading_of(question: Question) -> str:
    """Return in a sentence how a name is read with these answers, or what is wrong with them."""
    if problem := problem_of(question):
        return problem
    profile = _profile_of(question)
    name = safe_text(question.example(), 80)
    if profile is None:
        return f"{name} stays unread"
    parsed = KeyLayout(profile).parse(question.example())
    if parsed.family not in ("limit", "cache"):
        return f"{name} is not read by this"
    known = (("tenant", parsed.tenant), ("operation", parsed.operation), ("kind", parsed.kind))
    parts = [f"{word} {safe_text(value, 40)}" for word, value in known if value]
    return f"{name} is read as {', '.join(parts) or 'a key of nobody'}"


def _profile_of(question: Question) -> Dialect | None:
    if made := question.rule():
        return load_table({made[0]: [made[1]]}, "this rule", within="")
    if question.extends():
        return load_preset(question.extends())
    return None


@dataclass
class VersionQuestion:
    """The question which of several presets with the same names is meant. The version of the library decides that."""

    fit: Fit
    answers: dict[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Return the products to which the names may belong."""
        return " or ".join(self.fit.presets)

    @property
    def about(self) -> str:
        """Return how many names there are, and what each preset means."""
        abouts = [load_preset(name).about for name in self.fit.presets]
        return f"{plural(self.fit.count, 'name')}: your version decides which it is.\n" + "\n".join(abouts)

    def rows(self) -> Sequence[QuestionRow]:
        """Return the one line."""
        choices = {name: name for name in self.fit.presets}
        return (QuestionRow("preset", "these names are of", {**choices, LEAVE: "neither: leave them unread"}),)

    def extends(self) -> str:
        """Return the preset that was chosen."""
        chosen = self.answers.get("preset", "")
        if chosen in self.fit.presets:
            return chosen
        return ""

    def rule(self) -> None:
        """Return None, because a preset has its own rules."""

    def example(self) -> bytes:
        """Return a name that it is about."""
        return self.fit.example


@dataclass
class PrefixQuestion:
    """The question whether a text that all names have in the tenant's place is a prefix."""

    fit: Fit
    answers: dict[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Return the preset."""
        return self.fit.presets[0]

    @property
    def about(self) -> str:
        """Return how many names there are, and what has to be known to read them."""
        return safe_text(f"{plural(self.fit.count, 'name')}; {self.fit.question}", 400)

    def rows(self) -> Sequence[QuestionRow]:
        """Return the one line."""
        choices = {"yes": "a prefix: the part after it is the tenant", "no": "the tenant"}
        return (QuestionRow("prefix", "it is", choices),)

    def extends(self) -> str:
        """Return the preset."""
        return self.fit.presets[0]

    def rule(self) -> tuple[str, Mapping[str, Any]] | None:
        """Return the rule with the prefix; None if the text is a tenant."""
        if self.answers.get("prefix") == "yes":
            return ("limits", self.fit.rule)
        return None

    def example(self) -> bytes:
        """Return a name that it is about."""
        return self.fit.example


class ShapePiece(Struct, frozen=True):
    """A part of the names of a shape. ``text`` is its place in a template if nothing is asked about it.

    ``part`` is set if it varies, ``word`` if it is the same in all names and could be a capture all the same.
    """

    text: str
    part: ShapePart | None = None
    word: str = ""
    deep: bool = False
    """It holds all the rest of the name, separators too."""
    before: str = ""
    """The brace of a hash tag before it, as a template writes it; ``after`` is the one behind it."""
    after: str = ""

    @property
    def is_asked(self) -> bool:
        """Return True if this part may be the tenant."""
        return self.part is not None or bool(self.word)


class ShapeQuestion:
    """The question what the names of a shape are, and which part of them is the tenant."""

    def __init__(self, shape: SeenShape) -> None:
        self.shape = shape
        self.pieces = pieces_of(shape)
        self.answers: dict[str, str] = {}
        if shape.family:
            self.answers["family"] = shape.family
        if shape.usual_no_ttl:
            self.answers["no_ttl"] = shape.usual_no_ttl
        self.answers |= {_row_name(at): WORD for at, piece in enumerate(self.pieces) if piece.word}

    @property
    def title(self) -> str:
        """Return the shape."""
        return safe_text(self.shape.text, 60)

    @property
    def about(self) -> str:
        """Return how many names there are, and one of them."""
        looks = agreeing(self.shape.count, "looks", "look")
        return f"{plural(self.shape.count, 'name')} {looks} so, as {safe_text(self.shape.example, 80)}"

    def rows(self) -> Sequence[QuestionRow]:
        """Return the lines: what the names are, who reads them, and what each part is."""
        rows = [QuestionRow("family", "the names are", FAMILIES)]
        family = self.answers.get("family", "")
        if family not in ROLES:
            return rows
        if self.shape.readers:
            readers = {name: f"as the preset {name} does" for name in self.shape.readers}
            rows.append(QuestionRow("reader", "they are read", {**readers, OWN: "as said below"}))
            if self.answers.get("reader") != OWN:
                return rows
        for at, piece in enumerate(self.pieces):
            if piece.is_asked:
                rows.append(QuestionRow(_row_name(at), _label(piece), _roles(piece, family)))
        if family == "limits":
            rows.append(QuestionRow("no_ttl", "without a TTL", self._no_ttls()))
        return rows

    def _no_ttls(self) -> Mapping[str, str]:
        stamped = self.shape.usual_no_ttl == "dated" or WINDOW in self.answers.values()
        if stamped:
            return NO_TTLS
        return {name: words for name, words in NO_TTLS.items() if name != "dated"}

    def extends(self) -> str:
        """Return the preset that reads the names; empty if the answers describe their parts."""
        reader = self.answers.get("reader", "")
        if self.answers.get("family") in ROLES and reader in self.shape.readers:
            return reader
        return ""

    def rule(self) -> tuple[str, Mapping[str, Any]] | None:
        """Return the rule that the answers make."""
        family = self.answers.get("family", "")
        if family not in ROLES or self.extends():
            return None
        key = self.shape.separator.join(self._written(at, piece) for at, piece in enumerate(self.pieces))
        if family == "cache":
            return family, {"key": key}
        return family, {"key": key, **ANY_COUNTER, "no_ttl": self.answers.get("no_ttl", "normal")}

    def _written(self, at: int, piece: ShapePiece) -> str:
        role = self.answers.get(_row_name(at), WORD)
        if not piece.is_asked or role == WORD:
            return piece.text
        return f"{piece.before}{self._capture(role, piece)}{piece.after}"

    def _capture(self, role: str, piece: ShapePiece) -> str:
        """Return the capture for a part with this role."""
        looks = piece.part.looks if piece.part is not None else ""
        dots = "..." if piece.deep else ""
        if role in ("any", WINDOW):
            plain = {"figures": "n", "hash": "hash", "uuid": "uuid"}.get(looks, "any")
            name = WINDOW if role == WINDOW else plain
            if piece.deep:
                return "{any...}"
            return f"{{{name}}}"
        check = f":{looks}" if looks in ("hash", "uuid") and not piece.deep else ""
        return f"{{{role}{dots or check}}}"

    def example(self) -> bytes:
        """Return a name that it is about."""
        return self.shape.example


def _row_name(at: int) -> str:
    return f"part{at}"


def _label(piece: ShapePiece) -> str:
    if piece.part is None:
        return f"{safe_text(piece.word, 24)} (in all)"
    examples = ", ".join(safe_text(one, 16) for one in piece.part.examples[:2])
    return examples + ", …" * (piece.part.values > 2)


def _roles(piece: ShapePiece, family: str) -> Mapping[str, str]:
    roles = dict(ROLES[family])
    if piece.word:
        roles = {WORD: "this word", **roles}
    if piece.part is not None and piece.part.looks == "figures" and family == "limits" and not piece.deep:
        roles[WINDOW] = "a window's number"
    return roles


def pieces_of(shape: SeenShape) -> list[ShapePiece]:
    """Return the parts of a shape's names, in their order."""
    if shape.separator:
        texts = shape.key.split(shape.separator)
    else:
        found = _PLACE.search(shape.key)
        texts = [shape.key] if found is None else [shape.key[: found.start()], found[0]]
    same = list(shape.same)
    pieces = []
    for at, text in enumerate(texts):
        place = _TAGGED.fullmatch(text)
        if place is not None:
            part, deep = shape.parts[int(place[2]) - 1], bool(place[3])
            pieces.append(ShapePiece(text, part=part, deep=deep, before=place[1] or "", after=place[4] or ""))
        elif text == "{uuid}":
            pieces.append(ShapePiece(text, part=ShapePart("uuid", 2, ("a UUID",))))
        elif at and same and text.replace("{{", "{").replace("}}", "}") == same[0]:
            pieces.append(ShapePiece(text, word=same.pop(0)))
        else:
            pieces.append(ShapePiece(text))
    return pieces


def can_ask(shape: SeenShape) -> bool:
    """Return whether a part of a shape may be a tenant."""
    return any(piece.is_asked for piece in pieces_of(shape))
