"""The rules as text for people, as one Markdown page. All texts come from the rules themselves."""

from collections.abc import Iterable, Iterator

from optimus_tui.patterns.rule import LEVELS, Rule
from optimus_tui.patterns.rules import RULES

INTRODUCTION = """# Rules of the validator

Made by `optimus-tui rules --format md`; do not edit. Each level includes those before it. A finding that was thought
about is set aside by a comment on its line, or on a line of its own above it, with the reason:
`# optimus: ignore[caching.missing] an export is never cached`.
"""


def page(rules: Iterable[Rule] = ()) -> str:
    """Return all rules as Markdown, by level."""
    return "\n".join(_page(list(rules) or list(RULES.values()))).rstrip() + "\n"


def _page(rules: list[Rule]) -> Iterator[str]:
    yield INTRODUCTION
    for level in LEVELS:
        yield f"## {level}\n"
        for rule in rules:
            if rule.level == level:
                yield from _rule(rule)


def _rule(rule: Rule) -> Iterator[str]:
    yield f"### `{rule.id}` · {rule.title}\n"
    yield f"Pattern {rule.pattern}, priority {rule.priority}. {rule.why}\n"
    yield f"Fix: {rule.fix}\n"
    yield f"```python\n# bad\n{rule.bad.strip()}\n```\n"
    yield f"```python\n# good\n{rule.good.strip()}\n```\n"
