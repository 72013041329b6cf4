"""``tools``: list the tools, their arguments and the form of their answers. It runs none of them."""

from typing import TYPE_CHECKING, Any

import click

from optimus_tui.cli import exits, output
from optimus_tui.cli.output import print_line, print_wrapped
from optimus_tui.cli.run import complete_tool

if TYPE_CHECKING:
    from optimus_tui.tools.registry import Tool


@click.command("tools")
@click.argument("name", required=False, shell_complete=complete_tool)
@click.option("--json", "as_json", is_flag=True, help="Names, descriptions and JSON Schemas.")
def command(name: str | None, as_json: bool) -> int:
    """List the tools, or describe NAME."""
    import msgspec

    from optimus_tui.tools.answer import ToolFailure, find
    from optimus_tui.tools.registry import TOOLS

    try:
        if name is not None:
            chosen = [find(name)]
        else:
            chosen = list(TOOLS.values())
    except ToolFailure as failure:
        output.print_error(failure.error.message)
        return failure.exit_code
    if as_json:
        documents: object = [_document(tool) for tool in chosen]
        if name is not None:
            documents = _document(chosen[0])
        output.document(msgspec.json.encode(documents), indent=output.indent())
    elif name is None:
        wide = max(len(tool.name) for tool in chosen) + 2
        for tool in chosen:
            print_wrapped(f"{tool.name:<{wide}}", tool.description)
        print_line()
        print_line("optimus-tui tools NAME describes one; optimus-tui run NAME asks it.")
    else:
        _describe(chosen[0])
    return exits.HEALTHY


def _document(tool: "Tool") -> dict[str, Any]:
    return {
        "name": tool.name,
        "description": tool.description,
        "writes": tool.writes,
        "input_schema": tool.input_schema(),
        "output_schema": tool.output_schema(),
    }


def _describe(tool: "Tool") -> None:
    print_line(tool.name)
    print_wrapped("  ", tool.description)
    if tool.writes:
        print_wrapped("  ", tool.writes)
    schema = tool.input_schema()
    print_line()
    print_line("Arguments")
    for name, about in schema.get("properties", {}).items():
        required = name in schema.get("required", ())
        default = "required"
        if not required:
            default = f"default {_json(about.get('default'))}"
        print_wrapped(f"  {name:<24}", f"{_kind(about)}, {default}")
        if about.get("description"):
            print_wrapped(" " * 26, about["description"])
    print_line()
    print_line("Answer")
    for name, about in tool.output_schema().get("properties", {}).items():
        print_wrapped(f"  {name:<32}", _kind(about))
    print_line()
    print_line(f"optimus-tui run {tool.name}{_example(schema)}")


def _kind(about: dict[str, Any]) -> str:
    """``one of a, b``, ``whole number 1 to 10080``, ``text or null``."""
    if "enum" in about:
        return f"one of {', '.join(str(one) for one in about['enum'])}"
    if "anyOf" in about:
        return " or ".join(_kind(one) for one in about["anyOf"])
    if "$ref" in about:
        return "an object"
    words = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false"}
    word = words.get(str(about.get("type")), {"array": "a list", "object": "an object"}.get(str(about.get("type")), ""))
    if "minimum" in about and "maximum" in about:
        word += f" {about['minimum']:,} to {about['maximum']:,}"
    return word or "anything"


def _json(value: object) -> str:
    import msgspec

    return msgspec.json.encode(value).decode()


def _example(schema: dict[str, Any]) -> str:
    needed = [(name, schema["properties"][name]) for name in schema.get("required", ())]
    return "".join(f" --set {name}={about.get('enum', ['VALUE'])[0]}" for name, about in needed)
