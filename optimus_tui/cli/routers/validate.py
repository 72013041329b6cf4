"""``validate``: routers against the rules, for people, hooks and pipelines. It reads source, and never runs it.

Exit code 0 where nothing of medium priority or worse was found that the baseline does not hold, else 1; 2 for a path
that is not there.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from optimus_tui.cli import exits, output
from optimus_tui.cli.flags import connection_flags, merge_flags, settings_of, working_directory
from optimus_tui.cli.output import print_error, print_line

if TYPE_CHECKING:
    from optimus_tui.contract.tools.traffic import LiveComparison, PatternIssue, ValidateReport
    from optimus_tui.settings.model import Settings
    from optimus_tui.tools.router_files import JudgedFiles

LEVELS = ("basic", "comprehensive", "production_ready")
_ROOT_MARKS = ("src/backend", ".git", "pyproject.toml")
_SARIF_LEVELS = {"high": "error", "medium": "warning", "low": "note"}
_GITHUB_LEVELS = {"high": "error", "medium": "warning", "low": "notice"}
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


@click.command("validate")
@click.argument("paths", metavar="[PATHS]...", nargs=-1, type=click.Path(path_type=Path, readable=False))
@click.option(
    "--level", type=click.Choice(LEVELS), default="comprehensive", show_default=True, help="How much is asked for."
)
@click.option("--format", "form", type=click.Choice(("text", "json", "sarif", "github")), default="text",
              show_default=True, help="For people, programs, code scanning, or workflow annotations.")  # fmt: skip
@click.option(
    "--baseline", metavar="FILE", type=click.Path(path_type=Path), help="Findings that are known: only others count."
)
@click.option(
    "--write-baseline", is_flag=True, help="Write what is found now to the --baseline file (optimus-baseline.json)."
)
@click.option("--live", is_flag=True, help="Compare operations and cache kinds with those that Redis shows.")
@click.option("--no-cache", is_flag=True, help="Judge every file anew.")
@connection_flags
@click.pass_context
def command(
    ctx: click.Context, /, paths: tuple[Path, ...], level: str, form: str, baseline: Path | None, write_baseline: bool,
    live: bool, no_cache: bool, **given: object,
) -> int:  # fmt: skip
    """Check the routers in PATHS (files or folders), or those of the gateway's source tree."""
    cwd = working_directory()
    settings = None
    if live or not paths:
        settings = settings_of(merge_flags(ctx, given))
    wanted = _wanted(paths, cwd, settings)
    outcome = _examined(wanted, use_cache=not no_cache)
    report = _report(outcome, level, cwd)
    if write_baseline:
        return _write(baseline or cwd / "optimus-baseline.json", report)
    known = gone = 0
    if baseline is not None:
        report, known, gone = _reduced(report, baseline)
    code = _exit_code(report, outcome)
    if not live or settings is None:
        _print(report, form, known, gone)
        return code
    if form != "json":
        _print(report, form, known, gone)
    found, compared = _live(settings, outcome, print_line if form == "text" else print_error)
    if form == "json":
        import msgspec

        _print(msgspec.structs.replace(report, live=compared), form, known, gone)
    return max(code, found)


def _wanted(paths: Sequence[Path], cwd: Path, settings: "Settings | None") -> list[tuple[Path, list[str], bool]]:
    """Return (root, files below it, True if they were named in the call) for each root."""
    from optimus_tui.tools.router_files import ROUTERS

    if not paths:
        from optimus_tui.tools.answer import ToolFailure
        from optimus_tui.tools.validate import source_tree

        try:
            root = source_tree(settings.source_path if settings else None).resolve()
        except ToolFailure as failure:
            raise click.UsageError(failure.error.message) from None
        return [(root, list(_below(root, root / ROUTERS)), False)]
    groups: dict[Path, list[str]] = {}
    for path in paths:
        place = Path(os.path.abspath(cwd / path))
        if not os.path.lexists(place):
            raise click.UsageError(f"there is no {path}")
        root = _root_of(place)
        if place.is_dir():
            files = list(_below(root, place))
        else:
            files = [place.relative_to(root).as_posix()]
        groups.setdefault(root, []).extend(files)
    return [(root, list(dict.fromkeys(files)), False) for root, files in groups.items()]


def _below(root: Path, folder: Path) -> Iterator[str]:
    from optimus_tui.tools.router_files import SourceTree

    yield from SourceTree(root).below(folder.relative_to(root).as_posix())


def _root_of(place: Path) -> Path:
    """The project that a path belongs to: the nearest folder above that looks like one, else where its package lies."""
    if place.is_dir():
        start = place
    else:
        start = place.parent
    for mark in _ROOT_MARKS:
        for folder in (start, *start.parents):
            if (folder / mark).exists():
                return folder
    return next((one for one in (start, *start.parents) if not (one / "__init__.py").exists()), start)


def _examined(wanted: Sequence[tuple[Path, list[str], bool]], use_cache: bool) -> "JudgedFiles":
    from optimus_tui.tools.router_files import JudgedFiles, examine

    parts = [examine(root, files, named=named, use_cache=use_cache) for root, files, named in wanted]
    return JudgedFiles(
        tuple(one for part in parts for one in part.judged), tuple(one for part in parts for one in part.skipped)
    )


def _report(outcome: "JudgedFiles", level: str, cwd: Path) -> "ValidateReport":
    import time

    from optimus_tui.tools.validate import build, shown
    from optimus_tui.wording.numbers import timestamp

    def name(root: Path, path: str) -> str:
        place = root / path
        if place.is_relative_to(cwd):
            near = place.relative_to(cwd)
        elif _is_tree(root):
            near = Path(path)
        else:
            near = place
        return shown(near.as_posix())

    notes: tuple[str, ...] = ()
    if not outcome.judged:
        notes = ("no router was judged",)
    return build(outcome, level, timestamp(time.time()), name, notes)  # type: ignore[arg-type]


def _is_tree(root: Path) -> bool:
    return (root / "src" / "backend").is_dir()


def _exit_code(report: "ValidateReport", outcome: "JudgedFiles") -> int:
    refused = any("declares no route" not in reason for _, _, reason in outcome.skipped)
    found = any(one.priority in ("high", "medium") for one in report.issues_found)
    nothing = not outcome.judged and not outcome.skipped
    return exits.code_of(found or refused or nothing)


def _write(place: Path, report: "ValidateReport") -> int:
    from optimus_tui.tools.validate import made_of

    try:
        place.write_bytes(made_of(report.issues_found))
    except OSError as error:
        print_error(f"{place}: {error.strerror or error}")
        return exits.USAGE
    print_line(f"{len(report.issues_found)} findings are in {place}; --baseline {place} leaves them out")
    return exits.HEALTHY


def _reduced(report: "ValidateReport", place: Path) -> "tuple[ValidateReport, int, int]":
    import msgspec

    from optimus_tui.tools.validate import parsed, split

    try:
        known = parsed(place.read_bytes())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise click.UsageError(f"--baseline {place}: {reason}") from None
    new, old, gone = split(report.issues_found, known)
    return msgspec.structs.replace(report, issues_found=tuple(new)), old, gone


def _print(report: "ValidateReport", form: str, known: int, gone: int) -> None:
    from optimus_tui import __version__

    if form in ("json", "sarif"):
        import msgspec

        content: object = report
        if form == "sarif":
            content = sarif(report, __version__)
        output.document(msgspec.json.encode(content), indent=output.indent())
        return
    for line in github(report) if form == "github" else lines(report, known, gone):
        print_line(line)


def _live(
    settings: "Settings", outcome: "JudgedFiles", tell: Callable[[str], None]
) -> "tuple[int, LiveComparison | None]":
    """Below the findings for people, on stderr for programs, whose document stays one; it holds them as JSON."""
    from optimus_tui.cli.run_async import connected_to, to_end
    from optimus_tui.tools.answer import ToolFailure
    from optimus_tui.tools.validate import live_drift

    compared: LiveComparison | None = None

    async def tool_call() -> int:
        nonlocal compared
        async with connected_to(settings) as context:
            try:
                compared = await live_drift(context, outcome)
            except ToolFailure as failure:
                print_error(failure.error.message)
                return failure.exit_code
        found = compared.differences
        for one in found:
            tell(f"{one.priority} {one.kind}: {one.message}. {one.fix}")
        tell(f"code and live: {len(found)} differences, {compared.covered}")
        return exits.code_of(any(one.priority != "low" for one in found))

    return to_end(tool_call()), compared


def lines(report: "ValidateReport", known: int, gone: int) -> Iterator[str]:
    """Yield ``file:line:column priority rule message`` and the remedy of each finding, then files, then a summary."""
    from optimus_tui.contract.tools.traffic import unescaped

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
    from optimus_tui.wording.numbers import plural

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
        yield f"{plural(known, 'known finding')} of the baseline not shown"
    if gone:
        yield f"{plural(gone, 'finding')} of the baseline gone: --write-baseline makes it smaller"
    if report.ignored:
        yield f"{plural(report.ignored, 'finding')} set aside by comments with a reason"
    yield from report.notes


def github(report: "ValidateReport") -> Iterator[str]:
    """Yield one workflow command for each finding."""
    from optimus_tui.contract.tools.traffic import unescaped

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
    from urllib.parse import quote

    from optimus_tui.contract.tools.traffic import unescaped

    place = {
        "artifactLocation": {"uri": quote(unescaped(one.file))},
        "region": {"startLine": one.line, "startColumn": one.column},
    }
    return {
        "ruleId": one.rule, "ruleIndex": rule, "level": _SARIF_LEVELS.get(one.priority, "note"),
        "message": {"text": f"{one.issue}. {one.fix}"}, "locations": [{"physicalLocation": place}],
    }  # fmt: skip
