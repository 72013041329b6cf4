"""Bad input for the validator: rows 100 and 101. A finding or a skip with its reason, never a hang, no code run."""

import ast
import inspect
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from optimus_tui.patterns import judge
from optimus_tui.patterns.judge import PARSE, Verdict
from optimus_tui.patterns.source import resolve, walk
from optimus_tui.tools import router_files
from optimus_tui.tools.router_files import ROUTERS, Skipped, SourceTree, examine
from tests.patterns_tree import GOOD, judged, make_tree
from tests.steps import steps_of

UNREADABLE: dict[str, bytes] = {
    "syntax error": b"def broken(:\n    pass\n",
    "NUL": b"x = 1\ny = '\0'\n",
    "BOM in the text": b"x = 1\n\xef\xbb\xbfy = 2\n",
    "not UTF-8": b"x = '\xff\xfe'\n",
    "PEP 263 lie": b"# -*- coding: ascii -*-\nx = '\xc3\xa4'\n",
    "PEP 263 nonsense": b"# -*- coding: no-such-codec -*-\nx = 1\n",
    "PEP 263 not text": b"# -*- coding: bz2 -*-\nx = 1\n",
    "a byte of Latin-1 in a comment": b"# caf\xe9\nx = 1\n",
    "10 MB": b"x = 1\n" * 1_700_000,
    "5,000-digit integer": b"x = " + b"9" * 5000 + b"\n",
    "1+1+... x 100,000": b"x = " + b"+".join([b"1"] * 100_000) + b"\n",
    "unary x 100,000": b"x = " + b"-" * 100_000 + b"1\n",
    "brackets x 5,000": b"x = " + b"[" * 5000 + b"]" * 5000 + b"\n",
    "open brackets x 190": b"x = " + b"{[(" * 63 + b"!\n",
    "attributes x 100,000": b"x = a" + b".b" * 100_000 + b"\n",
    "tabs and spaces": b"if 1:\n\tx = 1\n        y = 2\n",
}


@pytest.mark.unmeasured
@pytest.mark.parametrize("data", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_cannot_be_parsed_is_a_finding_with_its_reason_row_100(data: bytes) -> None:
    verdict, steps = steps_of(lambda: judged(data))
    assert verdict.problem in (PARSE, "file.no_routes")
    if verdict.problem == PARSE:
        assert len(verdict.issues) == 1
        assert verdict.issues[0].message.startswith("It cannot be parsed: ")
        assert verdict.issues[0].message.isprintable()
    assert steps <= 10_000, "of our own; its size is the parser's matter"


def test_a_fault_of_the_validators_in_one_file_leaves_the_others_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_tree(tmp_path, bad=GOOD, good=GOOD)

    def failing(path: str, *given: object, **options: object) -> Verdict:
        if path.endswith("bad.py"):
            raise RecursionError
        return judge.inspect(path, *given, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(router_files, "inspect", failing)
    found = examine(root, SourceTree(root).below(ROUTERS), use_cache=False)
    assert [one.path.rpartition("/")[2] for one in found.judged] == ["good.py"]
    assert [reason for _, _, reason in found.skipped] == ["not judged: the validator failed with RecursionError on it"]


def test_what_looks_odd_and_is_python_is_judged_row_100() -> None:
    assert not judged(b"\xef\xbb\xbf" + GOOD.encode()).issues
    assert not judged(GOOD.replace("\n", "\r\n").encode()).issues
    latin = b"# -*- coding: latin-1 -*-\nNAME = '\xe4'\n" + GOOD.encode()
    assert not judged(latin).issues
    surrogate = GOOD + 'MARK = "\\ud800"\n'
    assert not judged(surrogate).issues


@pytest.mark.unmeasured
def test_fifty_thousand_decorators_and_deep_trees_are_no_stack_of_ours_row_100() -> None:
    many = "".join("@x\n" for _ in range(50_000)) + "def f(): pass\n" + GOOD
    verdict, steps = steps_of(lambda: judged(many))
    assert verdict.problem == "" and steps <= 20 * 50_000
    deep = "".join("  " * at + f"if x{at}:\n" for at in range(95)) + "  " * 95 + "pass\n" + GOOD
    assert judged(deep).problem in ("", PARSE)
    chained = "y = x" + "()" * 900 + "\n" + "z = a" + ".b" * 900 + "\n" + GOOD
    assert judged(chained).problem in ("", PARSE)
    circle = "a = b\nb = a\n@a.get('/x')\nasync def f(t=a, u=b): return a(b)\nclass A(A): x = x\n" + GOOD
    assert judged(circle).problem == ""


def test_nothing_that_is_read_is_run_or_imported_row_100(tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    code = f"import pathlib; pathlib.Path({str(witness)!r}).write_text('ran')\n"
    make_tree(tmp_path, evil=code + GOOD, deps=code)
    (tmp_path / "src" / "backend" / "__init__.py").write_text(code)
    (tmp_path / "src" / "backend" / "app.py").write_text(code + "from fastapi import FastAPI\napp = FastAPI()\n")
    outcome = examine(tmp_path, [f"{ROUTERS}/evil.py"], use_cache=False)
    assert len(outcome.judged) == 1
    assert not witness.exists()


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _out_of_the_tree(path: Path) -> None:
    path.symlink_to("/etc/passwd")


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _folder(path: Path) -> None:
    path.mkdir()


def _circle(path: Path) -> None:
    path.symlink_to(path)


def _nothing(path: Path) -> None:
    path.symlink_to(path.with_name("not-there"))


@pytest.mark.parametrize("make", [_fifo, _out_of_the_tree, _device, _folder, _circle, _nothing])
def test_what_is_no_file_of_the_tree_is_skipped_with_its_reason_row_101(
    make: Callable[[Path], None], tmp_path: Path
) -> None:
    make_tree(tmp_path, good=GOOD)
    make(tmp_path / ROUTERS / "odd.py")
    outcome = examine(tmp_path, [f"{ROUTERS}/odd.py", f"{ROUTERS}/good.py"], use_cache=False)
    assert [one.path for one in outcome.judged] == [f"{ROUTERS}/good.py"]
    assert len(outcome.skipped) == 1
    assert outcome.skipped[0][2]


def test_a_real_device_in_the_tree_is_not_read_row_101(tmp_path: Path) -> None:
    place = make_tree(tmp_path) / ROUTERS / "zero.py"
    try:
        os.mknod(place, 0o600 | stat.S_IFCHR, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("only root may make a device")
    found = SourceTree(tmp_path).read(f"{ROUTERS}/zero.py")
    assert isinstance(found, Skipped)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_skipped_row_101(tmp_path: Path) -> None:
    place = make_tree(tmp_path, secret=GOOD) / ROUTERS / "secret.py"
    place.chmod(0)
    assert SourceTree(tmp_path).read(f"{ROUTERS}/secret.py") == Skipped("permission denied")


def test_a_file_that_keeps_changing_is_skipped_row_101(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = make_tree(tmp_path, busy=GOOD) / ROUTERS / "busy.py"
    real = os.read

    def read_while_somebody_writes(handle: int, size: int) -> bytes:
        with place.open("ab") as file:
            file.write(b"\n")
        return real(handle, size)

    monkeypatch.setattr(os, "read", read_while_somebody_writes)
    assert SourceTree(tmp_path).read(f"{ROUTERS}/busy.py") == Skipped("it changed while it was read")


def test_a_link_to_a_folder_outside_is_not_followed_row_101(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    make_tree(outside, stranger=GOOD)
    tree = make_tree(tmp_path / "tree", own=GOOD)
    (tree / ROUTERS / "linked").symlink_to(outside / ROUTERS)
    assert list(SourceTree(tree).below(ROUTERS)) == [f"{ROUTERS}/own.py"]
    assert SourceTree(tree).read(f"{ROUTERS}/linked/stranger.py") == Skipped("it leads out of the source tree")


def test_a_name_with_control_characters_is_shown_literally_row_101(tmp_path: Path) -> None:
    from optimus_tui.tools.validate import build

    make_tree(tmp_path, **{"\x1b[31mred": GOOD})
    raw = os.fsencode(tmp_path / ROUTERS) + b"/\xff.py"
    Path(os.fsdecode(raw)).write_text(GOOD)
    tree = SourceTree(tmp_path)
    outcome = examine(tmp_path, tree.below(ROUTERS), cache_folder=tmp_path / "cache")
    report = build(outcome, "basic", "2025-01-29T10:30:00Z")
    names = [one.file for one in report.files]
    assert len(names) == 2
    assert all(name.isprintable() for name in names)
    assert any("\\x1b" in name for name in names)
    assert any("\\xff" in name for name in names)


def test_named_tuples_that_are_made_without_their_constructor_are_whole() -> None:
    """``tuple.__new__`` checks no count: a tuple with a value too many equals none that the constructor made."""
    made = 0
    for module in (walk, resolve):
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_new"):
                continue
            kind, values = node.args
            assert isinstance(kind, ast.Name) and isinstance(values, ast.Tuple)
            if not any(isinstance(one, ast.Starred) for one in values.elts):
                assert len(values.elts) == len(getattr(module, kind.id)._fields), f"{module.__name__}: {node.lineno}"
                made += 1
    assert made >= 4
