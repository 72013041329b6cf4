"""The validator's findings as lines for people, as SARIF, and as a GitHub workflow's annotations. Prints nothing."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from optimus_tui.contract.tools.traffic import unescaped

if TYPE_CHECKING:
    from optimus_tui.contract.tools.traffic import PatternIssue, ValidateReport

_SARIF_LEVELS = {"high": "error", "medium": "warning", "low": "note"}
_GITHUB_LEVELS = {"high": "error", "medium": "warning", "low": "notice"}
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def lines(report: "ValidateReport", known: int, gone: int) -> Iterator[str]:
    """Yield ``file:line:column priority rule message`` and the remedy of each finding, then files, then a summary."""
    worth = {one.file: one.compliance_score for one in report.files}
    for one in sorted(report.issues_found, key=lambda each: worth.get(each.file, 0.0)):
        yield f"{unescaped(one.file)}:{one.line}:{one.column}: {one.priority} {one.rule} {one.issue}"
        yield f"    fix: {one.fix}"
    if report.issues_found:
        yield ""
    for file in sorted(report.files, key=lambda each: each.compliance_score):
        lacking = ", ".join(name for name, state in file.patterns.items() if state in ("failed", "partial"))
        yield f"{file.compliance_score:.2f}  {unescaped(file.file)}  {lacking}".rstrip()
    for skipped in report.skipped:
        yield f"  --  {unescaped(skipped.file)}  {skipped.reason}"
    yield from _summary(report, known, gone)


def _summary(report: "ValidateReport", known: int, gone: int) -> Iterator[str]:
    count = len(report.issues_found)
    files = "1 file"
    if report.files_validated != 1:
        files = f"{report.files_validated} files"
    average = "no score"
    if report.average_compliance_score is not None:
        average = f"{report.average_compliance_score:.2f}"
    verdict = "a file is worse than the average"
    if not report.hides_worse:
        verdict = report.overall_compliance.replace("_", " ")
    findings = "1 finding"
    if count != 1:
        findings = f"{count} findings"
    new = ""
    if known or gone:
        new = " not in the baseline"
    low = min((one.compliance_score for one in report.files), default=0.0)
    worst = ""
    if report.files_validated > 1:
        worst = f", the worst {low:.2f}"
    yield f"{verdict}: {average} over {files}{worst} at {report.validation_level}, {findings}{new}"
    if known:
        yield f"{known} known findings of the baseline are not shown"
    if gone:
        yield f"{gone} findings of the baseline are gone: --write-baseline makes it smaller"
    if report.ignored:
        yield f"{report.ignored} findings are set aside by comments with a reason"
    yield from report.notes


def github(report: "ValidateReport") -> Iterator[str]:
    """Yield one workflow command for each finding."""
    for one in report.issues_found:
        place = f"file={_property(unescaped(one.file))},line={one.line},col={one.column},title={_property(one.rule)}"
        yield f"::{_GITHUB_LEVELS.get(one.priority, 'notice')} {place}::{_message(f'{one.issue}. {one.fix}')}"


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")


def sarif(report: "ValidateReport", version: str) -> dict[str, Any]:
    """Return a SARIF 2.1.0 log with the rules that were broken."""
    from optimus_tui.tools.validate import fingerprint

    used = {one.rule: one for one in report.issues_found}
    order = {rule: at for at, rule in enumerate(used)}
    rules = [
        {
            "id": rule,
            "shortDescription": {"text": one.why},
            "help": {"text": one.fix},
            "defaultConfiguration": {"level": _SARIF_LEVELS.get(one.priority, "note")},
        }
        for rule, one in used.items()
    ]
    driver = {"name": "optimus-tui", "version": version, "rules": rules}
    results = [{**_result(one, order[one.rule]), "partialFingerprints": {"optimus/v1": fingerprint(one)}}
               for one in report.issues_found]  # fmt: skip
    return {"$schema": _SCHEMA, "version": "2.1.0",
            "runs": [{"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}]}  # fmt: skip


def _result(one: "PatternIssue", rule: int) -> dict[str, Any]:
    place = {
        "artifactLocation": {"uri": quote(unescaped(one.file))},
        "region": {"startLine": one.line, "startColumn": one.column},
    }
    return {
        "ruleId": one.rule, "ruleIndex": rule, "level": _SARIF_LEVELS.get(one.priority, "note"),
        "message": {"text": f"{one.issue}. {one.fix}"}, "locations": [{"physicalLocation": place}],
    }  # fmt: skip
