"""Every finding has a row in the catalogue of rules, and every row is used."""

import ast
import importlib
import inspect
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from string import Formatter

import pytest

import optimus_tui
from optimus_tui.contract import finding_rules
from optimus_tui.contract.finding_rules import CATALOGUE
from optimus_tui.contract.make_finding import make_finding
from optimus_tui.contract.tools.traffic import TroubleshootQuery
from optimus_tui.tools.answer import parse
from optimus_tui.tools.registry import TOOLS

ROOT = Path(optimus_tui.__file__).parent
MODULES = [path for path in ROOT.rglob("*.py") if path != Path(finding_rules.__file__)]
CONSTANTS = {name: value for name, value in vars(finding_rules).items() if name.isupper() and value in list(CATALOGUE)}
COPIES = {"tools/standup.py", "tools/pages/sections.py", "contract/make_finding.py"}
"""Modules that build a Finding from one that was made already, or from a row."""


@cache
def _read(path: Path) -> tuple[list[ast.Call], set[str]]:
    """Return a module's calls of functions by their name, and its texts."""
    nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
    calls = [node for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    return calls, {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def _calls(path: Path) -> list[ast.Call]:
    return _read(path)[0]


def test_every_finding_is_made_from_a_row() -> None:
    bare = {str(path.relative_to(ROOT)) for path in MODULES for call in _calls(path) if call.func.id == "Finding"}  # type: ignore[attr-defined]
    assert bare <= COPIES


def test_no_rule_is_written_as_text() -> None:
    written = [
        f"{path.relative_to(ROOT)}: {keyword.value.value}"  # type: ignore[str-bytes-safe]
        for path in MODULES
        for call in _calls(path)
        for keyword in call.keywords
        if keyword.arg == "rule" and isinstance(keyword.value, ast.Constant)
    ]
    assert written == []


def test_every_row_is_used_by_the_package() -> None:
    names = {name for path in MODULES for name in re.findall(r"[A-Z][A-Z_0-9]+", path.read_text("utf-8"))}
    assert sorted(CONSTANTS.values()) == sorted(CATALOGUE)
    assert [name for name in CONSTANTS if name not in names] == []


@pytest.mark.parametrize("row", CATALOGUE.values(), ids=lambda row: row.id)
def test_a_row_is_complete_and_asks_a_tool_what_it_takes(row: finding_rules.FindingRule) -> None:  # type: ignore[name-defined]
    assert row.title and row.title[0].isupper() and not row.title.endswith(".")
    arguments: dict[str, object] = {}
    if row.issue:
        arguments["issue_type"] = row.issue
    if row.of_tenant:
        arguments["tenant_id"] = "acme"
    parse(TOOLS[row.explained_by].query, arguments)
    for issue in row.points_to or ():
        parse(TroubleshootQuery, {"issue_type": issue})


TEXTS = {"message": "one", "impact": "impact", "remedy": "remedy"}
FIXED = {name for name, one in inspect.signature(make_finding).parameters.items() if one.kind is not one.VAR_KEYWORD}


def _placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def _rules(path: Path, node: ast.expr) -> list[finding_rules.FindingRule]:  # type: ignore[name-defined]
    """Return the rows that the first argument of a call may name; none where it is a parameter."""
    module = ".".join(path.relative_to(ROOT.parent).with_suffix("").parts)
    if isinstance(node, ast.Name) and node.id in CONSTANTS:
        return [CATALOGUE[CONSTANTS[node.id]]]
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        table: Mapping[str, str] = getattr(importlib.import_module(module), node.value.id)
        return [CATALOGUE[rule] for rule in table.values()]
    return []


def _calls_of(function: str) -> Iterator[tuple[str, list[finding_rules.FindingRule], ast.Call]]:  # type: ignore[name-defined]
    for path in MODULES:
        for call in _calls(path):
            if isinstance(call.func, ast.Name) and call.func.id == function:
                rule = next((one.value for one in call.keywords if one.arg == "rule"), None) or call.args[0]
                yield f"{path.relative_to(ROOT)}:{call.lineno}", _rules(path, rule), call


def _given(call: ast.Call) -> set[str]:
    return {one.arg for one in call.keywords if one.arg}


def _open(call: ast.Call) -> bool:
    """Return True if some of the arguments of a call are not written in it."""
    return any(one.arg is None for one in call.keywords)


def test_every_placeholder_is_given_and_nothing_else() -> None:
    wrong = []
    for where, rows, call in _calls_of("make_finding"):
        given = _given(call)
        flags = {one.arg: one.value for one in call.keywords}
        many = flags.get("many", ast.Constant(False))
        for row in rows:
            texts = [row.many] if isinstance(many, ast.Constant) and many.value else [row.one]
            texts += [row.impact_many or row.impact, row.remedy_many or row.remedy] if "many" in given else []
            texts += [row.impact, row.remedy] if not isinstance(many, ast.Constant) or not many.value else []
            needed = set().union(*(_placeholders(text) for text in texts)) - {"subject"}
            values = given - FIXED
            # A text that is given instead of the catalogue's may make some of its placeholders needless.
            own = {name for name in TEXTS if name in given}
            if values - needed or (needed - values and not own and not _open(call)):
                wrong.append(f"{where} {row.id}: {sorted(values - needed)} {sorted(needed - values)}")
    assert wrong == []


def test_every_phrase_exists_and_is_filled() -> None:
    wrong = []
    for where, rows, call in _calls_of("phrase"):
        if len(call.args) < 2 or not isinstance(call.args[1], ast.Constant):
            continue
        for row in rows:
            text = row.phrases.get(str(call.args[1].value))
            needed = _placeholders(text or "")
            given = _given(call)
            if text is None or given - needed or (needed - given and not _open(call)):
                wrong.append(f"{where} {row.id} {call.args[1].value}: {sorted(given)} {sorted(needed)}")  # type: ignore[str-bytes-safe]
    assert wrong == []


def test_every_phrase_is_used() -> None:
    written = set().union(*(_read(path)[1] for path in MODULES))
    names = {name for row in CATALOGUE.values() for name in row.phrases}
    assert sorted(name for name in names - written if not name.startswith("remedy_")) == []


def test_no_sentence_stands_in_a_verdict() -> None:
    """A text given to ``make_finding`` is made by ``phrase`` or comes from a fault, and is never written there."""
    written = [
        f"{where}: {keyword.arg}"
        for where, _, call in _calls_of("make_finding")
        for keyword in call.keywords
        if keyword.arg in TEXTS
        for node in ast.walk(keyword.value)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value
    ]
    assert written == []


@pytest.mark.parametrize("row", CATALOGUE.values(), ids=lambda row: row.id)
def test_a_text_is_a_template_without_a_stray_brace(row: finding_rules.FindingRule) -> None:  # type: ignore[name-defined]
    texts = [row.one, row.many, row.impact, row.impact_many, row.remedy, row.remedy_many, *row.phrases.values()]
    assert row.one
    for text in texts:
        fields = [(name, spec) for _, name, spec, _ in Formatter().parse(text) if name is not None]
        assert all(name.isidentifier() for name, _ in fields), text
        values = {name: 1.0 if spec else "words" for name, spec in fields}
        filled = text.format(**values)
        assert "{" not in filled.replace("{tenant}", "").replace("{operation}", "").replace("{kind}", "").replace(
            "{rest}", ""
        ), text


def test_a_rule_of_an_unknown_family_says_which_row_is_missing() -> None:
    with pytest.raises(LookupError, match=r'weather.storm: _FAMILIES has no row _family\("weather"\)'):
        finding_rules._rule("weather.storm", "It rains")
    assert "weather.storm" not in CATALOGUE


def test_the_table_of_causes_names_what_can_be_in_order() -> None:
    from optimus_tui.contract.finding_causes import LINKS

    for link in LINKS:
        assert {*link.causes, *link.effects} <= set(CATALOGUE)
        assert all(CATALOGUE[rule].as_cause or CATALOGUE[rule].title for rule in link.causes)
