"""Which rules count for a file: by profile, by level, and by what the project's owner chose for its path."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from optimus_tui.patterns.rule import LEVELS, Level, Priority, Profile, Rule
from optimus_tui.patterns.rules import RULES

GROUPS = frozenset(rule.pattern for rule in RULES.values())
_PRIORITIES: tuple[Priority, ...] = ("high", "medium", "low")


class PathChoice(NamedTuple):
    """How the choice of rules differs for files that fit a pattern."""

    glob: str
    level: Level | None
    rules: Mapping[str, str]


class RuleSelection:
    """The rules of a project. ``at(path)`` returns those of one file, with the priorities that they have there."""

    def __init__(
        self,
        profile: Profile = "gateway",
        level: Level = "comprehensive",
        lacks: frozenset[str] = frozenset(),
        rules: Mapping[str, str] | None = None,
        paths: Sequence[PathChoice] = (),
        exclude: Sequence[str] = (),
    ) -> None:
        """Choose.

        Args:
            profile: Rules of the other profiles do not count.
            level: Rules above it do not count.
            lacks: What the project does not have: rules that need it do not count.
            rules: "on", "off" or a priority by the name of a rule or of a group of rules.
            paths: What is different for some files; the last one that fits goes before the others.
            exclude: Patterns of files that are not judged.
        """
        self.profile, self.level = profile, level
        self.lacks = lacks | ({"isolation"} if "tenant" in lacks else frozenset())
        self.rules, self.paths, self.exclude = dict(rules or {}), tuple(paths), tuple(exclude)
        self._known: dict[tuple[int, ...], dict[str, Rule]] = {}

    def excludes(self, path: str) -> bool:
        """Return whether the project's owner excludes a file."""
        return any(fits(glob, path) for glob in self.exclude)

    def at(self, path: str) -> dict[str, Rule]:
        """Return the rules that count for the file at this path, by id."""
        fitting = tuple(number for number, one in enumerate(self.paths) if fits(one.glob, path))
        if fitting not in self._known:
            self._known[fitting] = self._chosen([self.paths[number] for number in fitting])
        return self._known[fitting]

    def left_out(self) -> list[str]:
        """Return the groups and single rules that do not apply because of the profile or of what the project lacks."""
        judged = {rule.pattern for rule in RULES.values() if self._is_meant(rule)}
        return sorted(
            {
                rule.id if rule.pattern in judged else rule.pattern
                for rule in RULES.values()
                if not self._is_meant(rule) and (rule.pattern not in judged or self.profile == "gateway")
            }
        )

    def lacking(self, more: frozenset[str]) -> "RuleSelection":
        """Return the rules of a project that also lacks this."""
        return RuleSelection(self.profile, self.level, self.lacks | more, self.rules, self.paths, self.exclude)

    def _is_meant(self, rule: Rule) -> bool:
        return (self.profile == "gateway" or rule.profile == "fastapi") and self.lacks.isdisjoint(rule.needs)

    def _chosen(self, paths: Sequence[PathChoice]) -> dict[str, Rule]:
        level = next((one.level for one in reversed(paths) if one.level is not None), self.level)
        found: dict[str, Rule] = {}
        for rule in RULES.values():
            word = next((word for one in reversed(paths) if (word := _word(rule, one.rules))), _word(rule, self.rules))
            counts = self._is_meant(rule) and LEVELS.index(rule.level) <= LEVELS.index(level)
            if word == "off" or not (counts or word == "on"):
                continue
            found[rule.id] = rule
            if word in _PRIORITIES:
                found[rule.id] = replace(rule, priority=word)
            elif rule.rests_on in self.lacks:
                found[rule.id] = replace(rule, priority="low")
        return found


def _word(rule: Rule, rules: Mapping[str, str]) -> str | None:
    """Return what is said of a rule; its own name goes before that of its group."""
    return rules.get(rule.id) or rules.get(rule.pattern)


def rules_at(level: Level) -> dict[str, Rule]:
    """Return the rules of a gateway at a level, which include those of the levels below."""
    return RuleSelection(level=level).at("")


def fits(glob: str, path: str) -> bool:
    """Return whether a path fits a pattern.

    ``*`` stands for any characters but a slash, ``**`` also for slashes. A pattern without a slash fits a file or a
    folder at any depth, and one that fits a folder fits everything in it.
    """
    return _compiled(glob).match(path) is not None


@lru_cache(maxsize=1000)
def _compiled(glob: str) -> re.Pattern[str]:
    plain = glob.removeprefix("./").strip("/")
    if "/" not in glob.rstrip("/") and not glob.startswith("./"):
        plain = f"**/{plain}"
    plain = re.sub(r"(\*\*/)+", "**/", plain)
    pattern, at = "", 0
    while at < len(plain):
        if plain.startswith("**/", at):
            pattern, at = f"{pattern}(?:[^/]+/)*", at + 3
        elif plain.startswith("**", at):
            pattern, at = f"{pattern}.*", at + 2
        else:
            pattern, at = pattern + {"*": "[^/]*", "?": "[^/]"}.get(plain[at], re.escape(plain[at])), at + 1
    return re.compile(f"{pattern}(?:/.*)?\\Z", re.DOTALL)
