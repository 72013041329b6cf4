"""One scale of severities: its words, glyphs and styles stand in one table, and no module has another."""

import ast
from pathlib import Path

import optimus_tui
from optimus_tui.contract.findings import SEVERITIES
from optimus_tui.tui.theme import SEVERITY_COLORS, SEVERITY_TEXT_STYLES, SEVERITY_TOASTS, TEXT_STYLES
from optimus_tui.wording.truth import SEVERITY_MARKS, SEVERITY_WORDS

ROOT = Path(optimus_tui.__file__).parent
OTHER_SUBJECTS = {
    "wording/truth.py": "the table itself",
    "verdicts/coherence/audit.py": "the contract's priorities of that tool, which end at high",
    "tools/pages/labels.py": "what the keys of documents are called, two of which are also severities",
    "tools/pages/report_sections.py": "the contract's words for the health tool",
    "verdicts/gateway/performance.py": "grades of latency beside a finding",
    "patterns/judge.py": "what a violation of a router's rule costs",
    "tui/routers/compliance_lists.py": "priorities of a router's violations",
    "cli/routers/validate.py": "levels of GitHub",
    "cli/routers/sarif.py": "levels of SARIF",
}


def test_no_module_maps_severities_to_words_or_styles_of_its_own() -> None:
    found = set()
    for path in ROOT.rglob("*.py"):
        text = path.read_text("utf-8")
        if len([name for name in SEVERITIES if f'"{name}"' in text or f"'{name}'" in text]) < 2:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Dict):
                keys = {key.value for key in node.keys if isinstance(key, ast.Constant)}
                if len(keys & set(SEVERITIES)) >= 2:
                    found.add(str(path.relative_to(ROOT)))
    assert found <= set(OTHER_SUBJECTS), "use SEVERITY_MARKS and the severity style of its marks"


def test_each_word_is_the_name_or_its_beginning_and_has_a_style_everywhere() -> None:
    assert set(SEVERITY_MARKS) == set(SEVERITIES)
    for name, mark in SEVERITY_MARKS.items():
        assert name.startswith(mark.word.lower())
        assert SEVERITY_TEXT_STYLES[mark.severity_style] in TEXT_STYLES
        assert SEVERITY_COLORS[mark.severity_style] and SEVERITY_TOASTS[mark.severity_style]
    assert SEVERITY_WORDS["info"] == SEVERITY_MARKS["low"] and SEVERITY_WORDS["warning"] == SEVERITY_MARKS["medium"]
