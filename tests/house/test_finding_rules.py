"""Every finding has a row in the catalogue of rules, and every row is used."""

import ast
import re
from pathlib import Path

import pytest

import optimus_tui
from optimus_tui.contract import finding_rules
from optimus_tui.contract.finding_rules import CATALOGUE
from optimus_tui.contract.tools.troubleshoot import TroubleshootQuery
from optimus_tui.tools.arguments import parse
from optimus_tui.tools.registry import TOOLS

ROOT = Path(optimus_tui.__file__).parent
MODULES = [path for path in ROOT.rglob("*.py") if path != Path(finding_rules.__file__)]
CONSTANTS = {name: value for name, value in vars(finding_rules).items() if name.isupper() and value in list(CATALOGUE)}
COPIES = {"tools/standup/parts.py", "contract/make_finding.py"}
"""Modules that build a Finding from one that was made already, or from a row."""


def _calls(path: Path) -> list[ast.Call]:
    tree = ast.parse(path.read_text("utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]


def test_every_finding_is_made_from_a_row() -> None:
    bare = {str(path.relative_to(ROOT)) for path in MODULES for call in _calls(path) if call.func.id == "Finding"}  # type: ignore[attr-defined]
    assert bare <= COPIES


def test_no_rule_is_written_as_text() -> None:
    written = [
        f"{path.relative_to(ROOT)}: {keyword.value.value}"
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
def test_a_row_is_complete_and_asks_a_tool_what_it_takes(row: finding_rules.FindingRule) -> None:
    assert row.title and row.title[0].isupper() and not row.title.endswith(".")
    arguments: dict[str, object] = {}
    if row.issue:
        arguments["issue_type"] = row.issue
    if row.of_tenant:
        arguments["tenant_id"] = "acme"
    parse(TOOLS[row.explained_by].query, arguments)
    for issue in row.points_to or ():
        parse(TroubleshootQuery, {"issue_type": issue})
