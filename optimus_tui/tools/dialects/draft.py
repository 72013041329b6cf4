"""A profile while it is made: the presets that fit, the answers about other names, and the TOML for both. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from optimus_tui.dialects.load import DEFAULT, load_preset, load_table, preset_names
from optimus_tui.dialects.model import Dialect
from optimus_tui.dialects.texts.toml import dialect_toml, toml_value
from optimus_tui.tools.dialects.finding_out import NamesFound
from optimus_tui.tools.dialects.questions import PrefixQuestion, Question, ShapeQuestion, VersionQuestion, can_ask

RULES = ("limits", "cache")


class ProfileDraft:
    """The choice from the names that were found, and the questions about it.

    Attributes:
        found: What was found in the names.
        own: The table of rules that the settings file has now; empty for none.
        chosen: The numbers of the fits and shapes in ``found`` that the profile is to read; fits are counted first.
    """

    def __init__(self, found: NamesFound, own: Mapping[str, Any]) -> None:
        self.found, self.own = found, own
        fits, shapes = found.found.fits, found.found.shapes
        self._asked: list[list[Question]] = []
        for fit in fits:
            asked: list[Question] = [VersionQuestion(fit)] if len(fit.presets) > 1 else []
            self._asked.append([*asked, PrefixQuestion(fit)] if fit.question else asked)
        self._asked += [[ShapeQuestion(shape)] if can_ask(shape) else [] for shape in shapes]
        self.chosen = [*range(len(fits)), *(len(fits) + at for at, one in enumerate(shapes) if one.family)]

    @property
    def questions(self) -> list[Question]:
        """Return the questions about what is chosen, in the order of the names."""
        return [question for at in sorted(self.chosen) for question in self._asked[at]]

    def extends(self) -> list[str]:
        """Return the presets that the profile extends: those that it named before, the new ones, then ``optimus``."""
        fits = self.found.found.fits
        sole = [one.presets[0] for at, one in enumerate(fits) if at in self.chosen and len(one.presets) == 1]
        named = [*sole, *self.found.by_answers, *(question.extends() for question in self.questions)]
        before = self.own.get("extends", [])
        present = self.found.dialect if self.found.dialect in preset_names() else ""
        if self.own:
            known = [before] if isinstance(before, str) else list(before)
        elif self.found.configured:
            known = [present]
        elif self.found.understood:
            return _each_once([*named, present])
        else:
            known = []
        return _each_once([*known, *named])

    def rules(self) -> dict[str, list[Mapping[str, Any]]]:
        """Return the rules that the answers make, by section."""
        made = [question.rule() for question in self.questions]
        rules = {section: [one[1] for one in made if one is not None and one[0] == section] for section in RULES}
        return {section: of for section, of in rules.items() if of}

    def value(self) -> str | dict[str, Any]:
        """Return the value of ``dialect`` for the settings file: a preset's name, or a table."""
        extends, rules = self.extends(), self.rules()
        if not self.own and not rules and len(extends) <= 1:
            if extends:
                return extends[0]
            return DEFAULT
        table: dict[str, Any] = dict(self.own)
        if extends:
            table["extends"] = extends if len(extends) > 1 else extends[0]
        for section, of in rules.items():
            table[section] = [*table.get(section, ()), *of]
        return table

    @property
    def is_new(self) -> bool:
        """Return True if the profile differs from the one in force."""
        return self.value() != (dict(self.own) or self.found.dialect)

    def profile(self) -> Dialect:
        """Return the profile.

        Raises:
            DialectError: An answer is missing or wrong.
        """
        value = self.value()
        if isinstance(value, str):
            return load_preset(value)
        return load_table(value, "the new profile", within="")

    def text(self, within: str = "dialect") -> str:
        """Return the TOML that is added to the file: one line, a table, or rules after those that it has."""
        value, rules = self.value(), self.rules()
        if isinstance(value, str):
            table, _, key = within.rpartition(".")
            return f"[{table}]\n" * bool(table) + f"{key} = {toml_value(value)}\n"
        table_of = {key: one for key, one in value.items() if key == "extends"} if not self.own else {}
        added = {**table_of, **rules}
        text = dialect_toml(added, load_table(added, "the new profile", within=""), within=within)
        if self.own:
            return text.removeprefix(f"[{within}]\n").lstrip("\n")
        return text


def _each_once(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(name for name in names if name))
