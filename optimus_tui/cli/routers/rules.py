"""``rules``: what the validator checks, why, and how to fix it, with examples, as lines or as one Markdown page."""

from collections.abc import Iterable, Iterator

import click

from optimus_tui.cli import exits, output
from optimus_tui.cli.output import print_error, print_line, print_wrapped
from optimus_tui.patterns.references import reference, security_severity
from optimus_tui.patterns.rule import LEVELS, Rule
from optimus_tui.patterns.rules import RULES

INTRODUCTION = """# Rules of the validator

Made by `optimus-tui rules --format md`; do not edit. Each level includes those before it. Rules of the profile
`fastapi` hold for every project, those of `gateway` only for one that serves tenants. A finding that was thought
about is set aside by a comment on its line, or on a line of its own above it, with the reason:
`# optimus: ignore[caching.missing] an export is never cached`. `ignore-file[…]` sets it aside in the whole file.
"""


_NEEDS = {
    "limiter": "a limiter", "tenant": "tenants", "cache": "a cache",
    "isolation": "tenants that most of its routes know",
    "callers": "a limit for most of its routes, or a limiter for all that nothing applies,",
    "breaker": "a circuit breaker",
    "metrics": "metrics that at least half of its routers have",
}  # fmt: skip
"""What a rule wants to find in a project before it says anything."""


@click.command("rules")
@click.argument("rule", metavar="[ID]", required=False)
@click.option("--format", "form", type=click.Choice(("text", "json", "md")), default="text", show_default=True,
              help="For people, programs, or the documentation.")  # fmt: skip
def command(rule: str | None, form: str) -> int:
    """List the rules, or describe the one with ID."""
    from optimus_tui.patterns.rules import RULES
    from optimus_tui.tools.validate import OF_FILES

    if rule in OF_FILES and form == "text":
        priority, why, fix = OF_FILES[rule]
        print_line(f"{rule}: at every level, {priority} priority, of the file as such; no comment sets it aside")
        print_wrapped("why  ", why)
        print_wrapped("fix  ", fix)
        return exits.HEALTHY
    if rule is not None and rule not in RULES:
        print_error(f"there is no rule {rule!r}; there are {', '.join((*RULES, *OF_FILES))}")
        return exits.USAGE
    if rule is not None:
        chosen = [RULES[rule]]
    else:
        chosen = list(RULES.values())
    if form == "json":
        import msgspec

        fields = ("id", "pattern", "profile", "level", "priority", "title", "why", "fix", "needs", "bad", "good")
        documents = [{name: getattr(one, name) for name in fields} | {"reference": reference(one)} for one in chosen]
        content: object = documents
        if rule is not None:
            content = documents[0]
        output.document(msgspec.json.encode(content), indent=output.indent())
    elif form == "md":
        for line in page(chosen).rstrip().split("\n"):
            print_line(line)
    elif rule is None:
        for one in chosen:
            print_wrapped(f"{one.id:<28}{one.profile:<9}{one.level:<18}{one.priority:<8}", one.title)
        print_line()
        print_line(f"Of files as such, at every level: {', '.join(OF_FILES)}.")
        print_line("optimus-tui rules ID describes one. A level includes those before it, gateway includes fastapi.")
    else:
        one = chosen[0]
        print_line(f"{one.id}: {one.title}")
        print_line(f"{one.level}, {one.priority} priority, pattern {one.pattern}, profile {one.profile}")
        print_wrapped("why  ", one.why)
        print_wrapped("fix  ", one.fix)
        print_wrapped("needs  ", needs_of(one))
        print_wrapped("see  ", reference(one))
        for title, example in (("bad", one.bad), ("good", one.good)):
            print_line()
            print_line(title)
            for line in example.strip().split("\n"):
                print_line(f"    {line}")
        print_line()
        print_line(f"Set aside where it is intended: # optimus: ignore[{one.id}] the reason")
    return exits.HEALTHY


def needs_of(rule: Rule) -> str:
    """Return the conditions under which the rule reports anything, as sentences."""
    wanted = ["nothing but the file and what it imports"]
    if rule.applies is not None:
        wanted = ["a route that it applies to"]
    if rule.profile == "gateway":
        wanted.append("the profile gateway, detected or chosen")
    if rule.needs:
        needed = " and ".join(_NEEDS[one] for one in rule.needs)
        wanted.append(f"{needed} in the project, unless its profile was chosen")
    said = f"{'; '.join(wanted)}."
    if rule.rests_on:
        said += f" Without {_NEEDS[rule.rests_on]} it is of low priority."
    if rule.absence:
        said += " Where something that runs for the route cannot be followed, it is not judged."
    return said[0].upper() + said[1:]


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
    yield f"Profile {rule.profile}, pattern {rule.pattern}, priority {rule.priority}. {rule.why}\n"
    yield f"Fix: {rule.fix}\n"
    severity = security_severity(rule.id)
    weakness = f" Weakness {severity:.1f} of 10." if severity is not None else ""
    yield f"Needs: {needs_of(rule)}{weakness} See <{reference(rule)}>.\n"
    yield f"```python\n# bad\n{rule.bad.strip()}\n```\n"
    yield f"```python\n# good\n{rule.good.strip()}\n```\n"
