"""Files that are written for a newer Python than this one are read, and mean the same."""

import ast
import sys
from pathlib import Path

import pytest

from optimus_tui.patterns.source.newer import in_this_grammar
from optimus_tui.patterns.source.project import ParseFailure, parse

PACKAGE = Path(__file__).parents[3] / "optimus_tui"
NEWER = {
    "a generic function": ("def first[T: int, *Ts](x: T) -> T:\n    return x", "def first(x: T) -> T:\n    return x"),
    "over several lines": ("async def f[\n    T = int,  # one\n](\n    x,\n): pass", "async def f(x): pass"),
    "a generic class": ("class Page[T](Base[T]):\n    items: list[T]", "class Page(Base[T]):\n    items: list[T]"),
    "a type alias": ("type Ids = list[int]\nx = 1", "Ids = list[int]\nx = 1"),
    "a generic type alias": ("if x:\n    type Pair[T] = tuple[T, T]", "if x:\n    Pair = tuple[T, T]"),
    "several exceptions": ("try: f()\nexcept A, b.B: pass", "try: f()\nexcept (A, b.B): pass"),
    "several exceptions of a group": ("try: f()\nexcept* A, B: pass", "try: f()\nexcept* (A, B): pass"),
    "the same quotes inside": ('x = f"{a["b"]} and {c!r:>{width}}"', "x = f\"{a['b']} and {c!r:>{width}}\""),
    "the same quotes at the end": ("x = f'\"{a['b']}\"'", "x = '\"' f'{a[\"b\"]}' '\"'"),
    "strings in strings": ('x = f"{f"{f"{1 + 1}"}"}"', "x = f\"\"\"{f'''{f\"{1 + 1}\"}'''}\"\"\""),
    "a field over several lines": ('x = f"{call(\n    1,  # one\n)}"\ny = 2', 'x = f"{call(1,)}"\ny = 2'),
    "a template": ('x = t"{a}"', 'x = f"{a}"'),
    "a lazy import": ("lazy import json\nlazy from a import b", "import json\nfrom a import b"),
}  # fmt: skip


@pytest.mark.parametrize("name", NEWER)
def test_newer_syntax_means_what_older_syntax_means(name: str) -> None:
    newer, older = NEWER[name]
    written = in_this_grammar(newer)
    assert written is not None
    assert ast.dump(ast.parse(written)) == ast.dump(ast.parse(older))
    assert written.count("\n") == newer.count("\n"), "lines keep their numbers"


def test_a_backslash_in_a_field_costs_no_more_than_its_text() -> None:
    tree = ast.parse(in_this_grammar('x = f"{"\\n".join(names(tenant))}"') or "")
    assert "names" in {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py"))[::9], ids=lambda path: path.name)
def test_what_this_python_reads_stays_as_it_is(path: Path) -> None:
    text = path.read_text("utf-8")
    assert ast.dump(ast.parse(in_this_grammar(f"{text}\ntype Ids = int\n") or "")) == ast.dump(
        ast.parse(f"{text}\nIds = int\n")
    )


ALIKE = (
    "type = 3\ntype(x)\nprint(type)",
    "match x:\n    case 1: pass",
    "lazy = 1\nlazy.x",
    "x = 'it\\'s' \"\\\\\"",
    "def f(): return b[1]",
    'x = rb"\\d" + f"{{}}{x}"',
    "x = f'{x:%Y-%m-%d}'",
    "except_ = 1, 2",
    'p = rf"[\\"b]{x}\\\\"',
)
BROKEN = ("x = 'a", 'f"{', 'f"{a:', '"""', "f'{a' b", 'f"' + '{f"' * 500, "\\", "{" * 5000, "é]")


@pytest.mark.parametrize("text", ALIKE)
def test_older_names_that_look_alike_stay_as_they_are(text: str) -> None:
    both = f"{text}\ntype Ids = int\n"
    assert ast.dump(ast.parse(in_this_grammar(both) or "")) == ast.dump(ast.parse(f"{text}\nIds = int\n"))


@pytest.mark.parametrize("text", BROKEN)
def test_what_no_python_reads_is_given_up_at_once(text: str) -> None:
    found = parse(text.encode())
    assert isinstance(found, ParseFailure)


def test_a_file_for_a_newer_python_is_not_called_broken() -> None:
    ours = sys.version_info.minor
    text = b"x = [1, 2\ny = 3 = 4"
    newer, older = parse(text, ours + 1), parse(text, ours)
    assert isinstance(newer, ParseFailure) and not newer.certain and f"written for 3.{ours + 1}" in newer.reason
    assert isinstance(older, ParseFailure) and older.certain


def test_a_template_is_not_called_broken_and_bad_indentation_always_is() -> None:
    template = parse(b"from {{ package }} import router\n")
    assert isinstance(template, ParseFailure) and not template.certain
    bad = parse(b"def f():\n        x = 1\n    y = 2\n", sys.version_info.minor + 1)
    assert isinstance(bad, ParseFailure) and bad.certain
