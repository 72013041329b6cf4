"""500 hostile names, fields and paths: nothing is written outside, nothing of them becomes code, one sentence each."""

import ast
import os
import random
import shutil
import string
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from optimus_tui.__main__ import run
from optimus_tui.actions.files.changes import apply_changes, plan_files
from optimus_tui.actions.files.tree import WriteRefused
from optimus_tui.scaffold.field_code import ModelCode
from optimus_tui.scaffold.field_text import make_field, parse_field
from optimus_tui.scaffold.fields import TYPES, Field, SpecError, literal
from optimus_tui.scaffold.render import render
from optimus_tui.scaffold.spec import RouterSpec, make_spec
from tests.scaffold.workshop import new_gateway

EVIL = (
    "../../x", "/etc/x", "a/b", "a\\b", "..", ".", "", "x" * 300, "CON", "nul", "x.py", "class", "None", "async",
    "match", "type", "_", "__init__", "import os", "os; import", "a-b", "1a", "a\n", "{{7*7}}", "{% raw %}", '"""',
    "'''", "\\",
    "a\0b", "\ud800", "\u202eabc", "ﬁsh", "сlass", "ａ", "x'+__import__('os').system('touch OWNED')+'",
    "$(touch OWNED)", "`touch OWNED`", "x;touch OWNED", "~root", "-rf", "--help", "\x1b]52;c;x\x07", "a b", "é", "A",
    "aB", "x\r\ny", "ｃｌａｓｓ", "ﬀ", "case", "lambda", "__class__", "__import__", "name\u2028x", "a\u200bb",
    "x" * 10_000, "\udcff", "a:int=1", "int", "x:=1", "*", "**kw", "@x", "0", "a.b", "'; raise SystemExit #",
)  # fmt: skip


NAMES = ("class", "async", "match", "type", "case", "lambda", "int", "nul")
"""Of these, what can name a field, where the code has another name for it."""


def hostile_words(count: int, seed: int) -> list[str]:
    rng = random.Random(seed)
    alphabet = string.printable + "\0\x1b\u202e\ud800éﬁ{}%/\\.'\""
    made = [*EVIL]
    while len(made) < count:
        made.append("".join(rng.choice(alphabet) for _ in range(rng.randint(1, 30))) + rng.choice(EVIL))
    return made[:count]


def snapshot(folder: Path) -> dict[str, object]:
    return {str(path): _content(path) for path in folder.rglob("*")}


def _content(path: Path) -> object:
    if path.is_symlink():
        return os.readlink(path)
    return path.read_bytes() if path.is_file() else None


def test_300_hostile_names_and_fields_write_nothing_and_are_one_sentence_each_row_92_93(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = new_gateway(tmp_path / "gateway")
    monkeypatch.chdir(gateway)
    before = snapshot(tmp_path)
    for number, word in enumerate(hostile_words(300, 1)):
        if word in NAMES:
            continue
        named = ["--", word] if number % 2 else ["--field", f"{word}:str", "--", "good"]
        assert run(["scaffold", "new", "--project", str(gateway), "--yes", *named]) == 2, word
        said = capsys.readouterr()
        assert (said.out, said.err.count("\n")) == ("", 1), said.err
        assert said.err[:-1].isprintable()
    assert snapshot(tmp_path) == before


def test_100_hostile_paths_are_refused_row_98(tmp_path: Path) -> None:
    gateway = new_gateway(tmp_path / "gateway")
    before = snapshot(tmp_path)
    for word in hostile_words(100, 2):
        for path in (f"../{word}", f"/{word}", f"src/../../{word}", f"src/{word}/../../../x"):
            with pytest.raises(WriteRefused):
                plan_files(gateway, [(path, b"x")])
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("word", [word for word in hostile_words(100, 3) if word])
def test_a_hostile_default_is_a_value_or_refused_never_code_row_94_95(word: str) -> None:
    try:
        field = make_field("note", "str", True, word)
    except SpecError:
        return
    spec = RouterSpec(name="products", fields=(field,))
    tree = ast.parse(render(spec).router.content)
    found = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and node.value == word]
    assert found == [word, word]  # in what is sent, and in what is answered


@pytest.mark.parametrize("word", [word for word in hostile_words(100, 5) if word])
def test_a_hostile_description_is_a_value_or_refused_never_code(word: str) -> None:
    try:
        field = parse_field(f'note:str(description="{word}")')
    except SpecError as refused:
        assert "\n" not in str(refused)
        return
    tree = ast.parse(render(RouterSpec(name="products", fields=(field,))).router.content)
    found = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and node.value == word]
    assert found == [word, word]


HOSTILE_VALUES = (
    ["--field", "a:__import__('os').system('touch OWNED')"], ["--field", "a:str]\nimport os"],
    ["--field", "a:dt.date"], ["--field", "a:Text"], ["--field", "a:STR"], ["--field", "a:str=" + "x" * 10_000],
    ["--field", "a:int(ge=__import__('os'))"], ["--field", "a:enum[x'+__import__('os'),b]"],
    ["--field", "a:str(description='\n')"], ["--field", "a:{b:{c:str}}"], ["--field", "a:{b:str" * 900],
    ["--field", "a:int=1+1"], ["--field", "a:int=__import__('os')"], ["--field", "a:float=1if 1else 2"],
    ["--field", "a:bool=not False"], ["--field", "a:date=2025-02-30"], ["--field", "a:str=\0"],
    ["--field", "a:str=\ud800"], ["--field", "a:" + "x" * 10_000], ["--field", "a:str?=?="] * 2,
    ["--type", "{{7*7}}"], ["--type", "PROXY"], ["--type", "proxy\n"], ["--type", "x" * 10_000],
    ["--operations", "list,;import os"], ["--operations", ""], ["--operations", "__class__"],
    ["--operations", "\ud800"],
)  # fmt: skip


def refused_in_one_sentence(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["scaffold", "new", "--yes", *words, "--", "good"]) in (2, 4), words
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1), said.err
    assert said.err[:-1].isprintable()
    assert len(said.err) < 600


@pytest.mark.parametrize("words", HOSTILE_VALUES, ids=range(len(HOSTILE_VALUES)))
def test_types_operations_and_defaults_that_are_code_are_refused_in_one_sentence_row_94(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = new_gateway(tmp_path / "gateway")
    monkeypatch.chdir(gateway)
    before = snapshot(tmp_path)
    refused_in_one_sentence(["--project", str(gateway), *words], capsys)
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize(
    "project", ["pipe", "missing", "file", "/proc/self", "/dev/null", "a\0b", "", "\ud800", "x" * 10_000, "loop"]
)
def test_a_project_that_is_none_is_refused_in_one_sentence_row_98(
    project: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    os.mkfifo("pipe")
    Path("file").write_text("mine")
    Path("loop").symlink_to("loop")
    before = snapshot(tmp_path)
    refused_in_one_sentence(["--project", project], capsys)
    assert snapshot(tmp_path) == before


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(st.text(min_size=1, max_size=40))
def test_any_text_comes_back_as_it_was(text: str) -> None:
    assert ast.literal_eval(literal(text)) == text
    tree = ast.parse(ModelCode("Thing", ()).sent(Field("note", "str", has_default=True, default=text)).strip())
    assert len(tree.body) == 1


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize(
    "text", ["1e999", "nan", "inf", "9" * 19, "1_0", "0x1", "__import__('os')", "", "None", "٣", "[]"]
)
def test_defaults_are_read_by_their_type(kind: str, text: str) -> None:
    for is_list in (False, True):
        try:
            field = make_field("note", f"list[{kind}]" if is_list else kind, False, text)
        except SpecError as refused:
            assert "\n" not in str(refused)
            continue
        assert field.default == ([] if is_list else text)
        assert text == "[]" if is_list else kind == "str"


REFUSED_FIELDS = (
    "a:str a:int",
    "id:int",
    "class:str class_:str",
    "a",
    "a:",
    "a:str??",
    "a:list",
)


@pytest.mark.parametrize("names", [each.split() for each in REFUSED_FIELDS])
def test_fields_that_cannot_be_are_refused(names: list[str]) -> None:
    with pytest.raises(SpecError):
        make_spec("products", fields=names)


def test_links_pipes_folders_and_foreign_files_are_left_alone_row_98(tmp_path: Path) -> None:
    gateway, outside = new_gateway(tmp_path / "gateway"), tmp_path / "outside"
    outside.mkdir()
    (outside / "victim").write_text("mine")
    (gateway / "out").symlink_to(outside)
    (gateway / "file").symlink_to(outside / "victim")
    (gateway / "dangling").symlink_to(outside / "new")
    os.mkfifo(gateway / "pipe")
    (gateway / "folder").mkdir()
    (gateway / "huge").write_bytes(b"x" * 1_000_001)
    before = snapshot(tmp_path)
    for path in ("out/new", "out/victim", "file", "dangling", "pipe", "folder", "huge", "pipe/x", "huge/x"):
        with pytest.raises(WriteRefused) as refused:
            apply_changes(gateway, plan_files(gateway, [("fine", b"x"), (path, b"x")]), "router x", tmp_path / "state")
        assert str(refused.value).count("\n") == 0
    shutil.rmtree(tmp_path / "state", ignore_errors=True)
    assert snapshot(tmp_path) == before
