"""``rules``: what the validator checks, why, and how it is mended, with two examples each. It reads nothing."""

import click

from optimus_tui.cli import exits, output
from optimus_tui.cli.output import print_error, print_line, print_wrapped


@click.command("rules")
@click.argument("rule", metavar="[ID]", required=False)
@click.option("--format", "form", type=click.Choice(("text", "json", "md")), default="text", show_default=True,
              help="For people, programs, or the documentation.")  # fmt: skip
def command(rule: str | None, form: str) -> int:
    """List the rules, or describe the one with ID."""
    from optimus_tui.patterns.rules import RULES
    from optimus_tui.tools.patterns.report import OF_FILES

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

        fields = ("id", "pattern", "level", "priority", "title", "why", "fix", "bad", "good")
        documents = [{name: getattr(one, name) for name in fields} for one in chosen]
        content: object = documents
        if rule is not None:
            content = documents[0]
        output.document(msgspec.json.encode(content), indent=output.indent())
    elif form == "md":
        from optimus_tui.patterns.catalogue import page

        for line in page(chosen).rstrip().split("\n"):
            print_line(line)
    elif rule is None:
        for one in chosen:
            print_wrapped(f"{one.id:<28}{one.level:<18}{one.priority:<8}", one.title)
        print_line()
        print_line(f"Of files as such, at every level: {', '.join(OF_FILES)}.")
        print_line("optimus-tui rules ID describes one. Each level includes those before it.")
    else:
        one = chosen[0]
        print_line(f"{one.id}: {one.title}")
        print_line(f"{one.level}, {one.priority} priority, pattern {one.pattern}")
        print_wrapped("why  ", one.why)
        print_wrapped("fix  ", one.fix)
        for title, example in (("bad", one.bad), ("good", one.good)):
            print_line()
            print_line(title)
            for line in example.strip().split("\n"):
                print_line(f"    {line}")
        print_line()
        print_line(f"Set aside where it is meant so: # optimus: ignore[{one.id}] the reason")
    return exits.HEALTHY
