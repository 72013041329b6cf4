"""``docs/sentences.py`` lists what users read: the catalogues, the help, the errors and the pages of reports."""

import importlib.util
from pathlib import Path

import pytest

from optimus_tui.contract.finding_rules import CATALOGUE
from optimus_tui.settings.table import SETTINGS
from optimus_tui.tools.registry import TOOLS
from optimus_tui.tui.commands import COMMANDS
from optimus_tui.tui.keys import KEYS

PLACE = Path(__file__).parents[2] / "docs/sentences.py"


@pytest.fixture(scope="module")
def listed() -> dict[str, set[str]]:
    spec = importlib.util.spec_from_file_location("sentences", PLACE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: dict[str, set[str]] = {}
    for one in module.sentences():
        found.setdefault(one.kind, set()).add(one.text)
    return found


def test_the_catalogues_are_listed(listed: dict[str, set[str]]) -> None:
    texts = [text for row in CATALOGUE.values() for text in (row.one, row.impact, *row.phrases.values()) if " " in text]
    for kind, expected in {
        "finding": texts,
        "command": [one.help for one in COMMANDS],
        "key": [one.help for one in KEYS],
        "setting": [one.help for one in SETTINGS],
        "tool": [one.description for one in TOOLS.values()],
    }.items():
        known = {one.strip() for one in listed[kind]}
        assert [text for text in expected if " " in text and text.strip() not in known] == []


def test_errors_help_and_reports_are_listed(listed: dict[str, set[str]]) -> None:
    assert "Add a note to the timeline." in listed["help"]
    assert "all steps are done" in listed["error"]
    assert "## Still open" in listed["report"]
