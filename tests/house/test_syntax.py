"""Source is parsed by one thread at a time: CPython 3.11 counts the depth of a tree for all threads together."""

import ast
import gc
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from optimus_tui import syntax
from optimus_tui.syntax import walk

PACKAGE = Path(syntax.__file__).parent


@pytest.fixture
def switching() -> Iterator[None]:
    """Let another thread run whenever garbage is searched for, as a finalizer may: also in the middle of a tree."""

    def elsewhere(*_: object) -> None:
        time.sleep(0)

    usual = gc.get_threshold()
    gc.callbacks.append(elsewhere)
    gc.set_threshold(700)
    yield
    gc.set_threshold(*usual)
    gc.callbacks.remove(elsewhere)


def test_threads_that_parse_at_once_end_with_their_trees(switching: None) -> None:
    function = "def f{n}(a, b={{'x': [n for n in range({n})]}}):\n    return a + b['x'][{n}]"
    text = "\n".join(function.format(n=n) for n in range(120))
    wrong: list[Exception] = []

    def parses(parse: Callable[[str], Any], source: str, times: int) -> None:
        try:
            for _ in range(times):
                parse(source)
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=parses, args=(syntax.parse, text, 5)) for _ in range(3)]
    threads.append(threading.Thread(target=parses, args=(syntax.parse_expression, "a[0](b, *c)[1:2] + d", 200)))
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert wrong == []


def test_nothing_else_in_the_package_makes_trees() -> None:
    found = [
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if re.search(r"\bast\.parse\(|PyCF_ONLY_AST", path.read_text("utf-8"))
    ]
    assert found == ["syntax.py"]


def test_the_quick_walk_goes_where_the_library_goes() -> None:
    tree = ast.parse("@a(1)\nasync def f(x: int = 2, *, y=3):\n    async with b as c: return [-d for d in c.e if d]\n")
    left_out = (ast.expr_context, ast.operator, ast.unaryop)
    assert list(walk(tree)) == [node for node in ast.walk(tree) if not isinstance(node, left_out)]
