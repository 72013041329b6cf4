"""The verdict of a document as one mark: a glyph, a word and a tone. Pure; knows no tool by name."""

from collections.abc import Mapping
from typing import Any

from optimus_tui.wording.glyphs import OVERALL_MARKS, SEVERITY_MARKS, StateGlyph
from optimus_tui.wording.safe import safe_text

SEVERITY_WORDS: dict[str, StateGlyph] = {
    "warning": SEVERITY_MARKS["medium"],
    "info": SEVERITY_MARKS["low"],
    **dict(SEVERITY_MARKS.items()),
}
"""The mark of each word that documents have for a severity or a priority."""
_OVERALL: dict[str, StateGlyph] = dict(OVERALL_MARKS.items())
_GOOD = ("all_pass", "none")
"""Verdicts that find nothing wrong."""


def headline(document: Mapping[str, Any]) -> StateGlyph | None:
    """Return the mark of a document's verdict, or None if it has no verdict."""
    if document.get("overall_compliance") is not None:
        return _compliance(document, str(document["overall_compliance"]))
    verdict = document.get("overall_status") or document.get("severity_assessment")
    if verdict is None:
        return None
    return _verdict(str(verdict))


def _verdict(verdict: str) -> StateGlyph:
    if verdict in _OVERALL:
        return _OVERALL[verdict]
    word = safe_text(verdict.replace("_", " "), 40).upper()
    if verdict in SEVERITY_WORDS:
        mark = SEVERITY_WORDS[verdict]
        return StateGlyph(mark.glyph, word, mark.tone)
    if verdict in _GOOD:
        return StateGlyph("●", word, "ok")
    return StateGlyph("▲", word, "warning")


def _compliance(document: Mapping[str, Any], compliance: str) -> StateGlyph:
    """Return the average's word and figure, with the worst file beside them: an average hides a broken router."""
    scores = [float(file["compliance_score"]) for file in document.get("files", ())]
    average = document.get("average_compliance_score")
    if not scores or average is None:
        return StateGlyph("▲", "NOTHING WAS JUDGED", "warning")
    words = f"{safe_text(compliance.replace('_', ' '), 40).upper()} {average:.2f}"
    if min(scores) < average:
        words += f", worst file {min(scores):.2f}"
    if compliance == "needs_improvement" or min(scores) == 0:
        return StateGlyph("✖", words, "critical")
    if any(issue.get("priority") in ("high", "medium") for issue in document.get("issues_found", ())):
        return StateGlyph("▲", words, "warning")
    return StateGlyph("●", words, "ok")
