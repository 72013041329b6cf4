"""Print every sentence that users can read, each with its place: ``python docs/sentences.py [KIND …]``.

The catalogues (findings, keys, commands, settings, tools, rules) and all other text of the package are read from its
source: a string counts as a sentence if it has two words or more and is no docstring, pattern or script. Docstrings
count where they are shown: as the help of a command, or as the description of a field of a tool or setting. The
templates of reports and playbooks are read line by line. ``{…}`` stands for what is filled in.
"""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "optimus_tui"
CATALOGUES = {
    "contract/finding_rules.py": "finding",
    "tui/keys.py": "key",
    "tui/commands.py": "command",
    "settings/table.py": "setting",
    "tools/registry.py": "tool",
}
"""Files whose sentences are all of one kind."""
DESCRIBED = {"contract/tools": "tool", "settings/model.py": "setting"}
"""Where the docstrings of classes and fields are shown to users."""
ERRORS = {"Fault", "Refusal", "complain", "fail"}
ROOMS = {
    "incidents": "incident", "workflow": "incident", "cli": "command line", "tui": "screen", "patterns": "rule",
    "verdicts": "finding", "mcp_server": "server", "http_api": "server", "serving": "server",
}  # fmt: skip
UNSHOWN = {"compile", "fullmatch", "match", "sub", "search", "execute", "executescript", "register_script", "TypeVar"}
"""Functions whose text is a pattern or a script."""
TYPED = (ast.AnnAssign, ast.arg, ast.FunctionDef, ast.AsyncFunctionDef, ast.Call)
"""What may have a type that is written as text."""
SENTENCE = re.compile(r"[A-Za-z{}…][^\n]*? [^\n]*[A-Za-z]{2}")


class Sentence(NamedTuple):
    """A text with its kind and its place."""

    kind: str
    place: str
    line: int
    text: str


def of_python(path: Path) -> Iterator[Sentence]:
    """Yield the sentences of a module."""
    place = path.relative_to(PACKAGE).as_posix()
    nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
    skipped, errors = set[ast.AST](), set[ast.AST]()
    for node in nodes:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skipped.add(node.value)  # documentation
        if isinstance(node, ast.Raise) or (isinstance(node, ast.Call) and _name(node) in ERRORS):
            errors |= set(ast.walk(node))
        if isinstance(node, ast.Call) and _name(node) in UNSHOWN:
            skipped |= set(ast.walk(node))
        if isinstance(node, ast.JoinedStr):
            skipped |= {part for value in node.values for part in ast.walk(value)}
        if isinstance(node, TYPED):
            skipped |= _quoted_types(node)
    kind = CATALOGUES.get(place) or ROOMS.get(place.partition("/")[0], "other")
    for node in nodes:
        if isinstance(node, ast.Constant | ast.JoinedStr) and node not in skipped:
            text = _text(node)
            if SENTENCE.search(text):
                yield Sentence("error" if node in errors else kind, place, node.lineno, text)
    yield from _documented(nodes, place)


def _quoted_types(node: ast.AST) -> set[ast.AST]:
    """Return the types of a node that are written as text: its annotations, and the first argument of a cast."""
    types = [getattr(node, "annotation", None), getattr(node, "returns", None)]
    if isinstance(node, ast.Call) and _name(node) == "cast":
        types.append(node.args[0])
    return {one for one in types if isinstance(one, ast.Constant)}


def _documented(nodes: list[ast.AST], place: str) -> Iterator[Sentence]:
    """Yield the docstrings that are shown: of commands, and of the fields of tools and settings."""
    shown = next((kind for where, kind in DESCRIBED.items() if place.startswith(where)), None)
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            command = any(_name(one) in ("command", "group") for one in node.decorator_list)
            if command and (text := ast.get_docstring(node)):
                yield Sentence("help", place, node.lineno, text)
        elif isinstance(node, ast.ClassDef) and shown:
            if text := ast.get_docstring(node):
                yield Sentence(shown, place, node.lineno, text)
            for one in node.body[1:]:
                if isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant):
                    yield Sentence(shown, place, one.lineno, str(one.value.value))


def _name(node: ast.AST) -> str:
    """Return the last name of what is called, without its module or object."""
    if isinstance(node, ast.Call):
        node = node.func
    return getattr(node, "attr", getattr(node, "id", ""))


def _text(node: ast.Constant | ast.JoinedStr) -> str:
    """Return a string; of an f-string each expression as ``{…}``."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    return "".join(_text(part) if isinstance(part, ast.Constant) else "{…}" for part in node.values)


def of_templates() -> Iterator[Sentence]:
    """Yield the sentences of playbooks and of the pages of reports."""
    for path in sorted((ROOT / "templates/playbooks").glob("*.toml")):
        lines = path.read_text("utf-8").splitlines()
        for text in _strings(tomllib.loads("\n".join(lines))):
            line = next((number for number, one in enumerate(lines, 1) if text[:30] in one), 1)
            yield Sentence("incident", path.relative_to(ROOT).as_posix(), line, text)
    for path in sorted((ROOT / "templates/reports").glob("*.j2")):
        for number, written in enumerate(path.read_text("utf-8").splitlines(), 1):
            text = re.sub(
                r"<[^>]*>", " ", re.sub(r"\{%.*?%\}|\{#.*?#\}", "", re.sub(r"\{\{.*?\}\}", "{…}", written))
            ).strip()
            if re.search(r"[A-Za-z]{3}", text) and not text.endswith((";", "}", "{")):
                yield Sentence("report", path.relative_to(ROOT).as_posix(), number, text)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str) and SENTENCE.search(value):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from _strings(one)


def sentences() -> list[Sentence]:
    """Return all sentences, by kind and place."""
    found = [one for path in sorted(PACKAGE.rglob("*.py")) for one in of_python(path)]
    return sorted([*found, *of_templates()], key=lambda one: (one.kind, one.place, one.line))


def main(kinds: list[str]) -> None:
    """Print the sentences of these kinds, or all."""
    for one in sentences():
        if not kinds or one.kind in kinds:
            text = " ".join(one.text.split())
            sys.stdout.write(f"{one.kind}\t{one.place}:{one.line}\t{text}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
