"""Findings as a SARIF 2.1.0 log, for code scanning."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from optimus_tui.contract.tools.compliance import PatternIssue, PatternPlace, ValidateReport, unescaped
from optimus_tui.patterns.references import reference, security_severity
from optimus_tui.patterns.rules import RULES
from optimus_tui.tools.validation.baseline import fingerprints

_LEVELS = {"high": "error", "medium": "warning", "low": "note"}
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_ROOT = "%SRCROOT%"


def sarif(report: ValidateReport, version: str, folder: Path) -> dict[str, Any]:
    """Return a log of the broken rules; the paths of files are relative to ``folder``."""
    used = list(dict.fromkeys(one.rule for one in report.issues_found))
    first = {one.rule: one for one in reversed(report.issues_found)}
    driver = {"name": "optimus-tui", "version": version, "rules": [_rule(first[rule]) for rule in used]}
    results = [
        _result(one, used.index(one.rule), name)
        for one, name in zip(report.issues_found, fingerprints(report.issues_found), strict=True)
    ]
    run = {
        "tool": {"driver": driver}, "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {_ROOT: {"uri": f"{folder.as_uri().rstrip('/')}/"}}, "results": results,
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": [*_notices(report)]}],
    }  # fmt: skip
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _notices(report: ValidateReport) -> Iterator[dict[str, Any]]:
    """Yield what could not be decided, and the files that were not judged: notices, and no findings."""
    for one in report.not_judged:
        place = {"artifactLocation": _artifact(one.file), "region": {"startLine": one.line}}
        yield {
            "level": "note", "message": {"text": one.reason}, "associatedRule": {"id": one.rule},
            "locations": [{"physicalLocation": place}],
        }  # fmt: skip
    for file in report.skipped:
        yield {
            "level": "warning" if file.is_refused else "note", "message": {"text": f"not judged: {file.reason}"},
            "locations": [{"physicalLocation": {"artifactLocation": _artifact(file.file)}}],
        }  # fmt: skip


def _rule(issue: PatternIssue) -> dict[str, Any]:
    """Return what is said of a rule; those of files as such have no page and no weakness of their own."""
    rule = RULES.get(issue.rule)
    content: dict[str, Any] = {
        "id": issue.rule,
        "shortDescription": {"text": rule.title if rule else issue.why},
        "fullDescription": {"text": issue.why},
        "help": {"text": (rule or issue).fix},
        "defaultConfiguration": {"level": _LEVELS.get((rule or issue).priority, "note")},
    }
    severity = security_severity(issue.rule)
    if rule is not None:
        content["helpUri"] = reference(rule)
        tags = [rule.pattern, rule.profile]
        content["properties"] = {"tags": tags}
        if severity is not None:
            content["properties"] = {"tags": ["security", *tags], "security-severity": f"{severity:.1f}"}
    return content


def _result(one: PatternIssue, rule: int, name: str) -> dict[str, Any]:
    content = {
        "ruleId": one.rule, "ruleIndex": rule, "level": _LEVELS.get(one.priority, "note"),
        "message": {"text": f"{one.issue}. {one.fix}"}, "locations": [{"physicalLocation": _place(one.file, one)}],
        "partialFingerprints": {"optimusFinding/v2": name},
    }  # fmt: skip
    if one.also:
        content["relatedLocations"] = [
            {"id": number, "physicalLocation": _place(one.file, place), "message": {"text": place.issue}}
            for number, place in enumerate(one.also, 1)
        ]
    return content


def _place(file: str, at: PatternIssue | PatternPlace) -> dict[str, Any]:
    return {"artifactLocation": _artifact(file), "region": {"startLine": at.line, "startColumn": at.column}}


def _artifact(file: str) -> dict[str, Any]:
    path = unescaped(file)
    if path.startswith("/"):
        return {"uri": f"file://{quote(path)}"}
    return {"uri": quote(path), "uriBaseId": _ROOT}
