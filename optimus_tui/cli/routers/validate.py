"""``validate``: routers against the rules, for people, hooks and pipelines. It reads source, and never runs it.

Exit code 1 if anything of medium priority or worse was found that is not in the baseline, else 0; 2 for a missing path.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from optimus_tui.cli import exits, output
from optimus_tui.cli.flags import connection_flags, merge_flags, settings_of, working_directory
from optimus_tui.cli.output import print_error, print_line

if TYPE_CHECKING:
    from optimus_tui.contract.tools.compliance import (
        LiveComparison,
        Profile,
        RouterFile,
        ValidateReport,
        ValidationLevel,
    )
    from optimus_tui.settings.model import Settings
    from optimus_tui.tools.router_files import JudgedFiles
    from optimus_tui.tools.validation.projects import JudgedProject

LEVELS = ("basic", "comprehensive", "production_ready")
PROFILES = ("fastapi", "gateway")
_GITHUB_LEVELS = {"high": "error", "medium": "warning", "low": "notice"}


@click.command("validate")
@click.argument("paths", metavar="[PATHS]...", nargs=-1, type=click.Path(path_type=Path, readable=False))
@click.option("--level", type=click.Choice(LEVELS), help="How much is asked for. [default: [validate] level, else "
              "comprehensive]")  # fmt: skip
@click.option("--profile", type=click.Choice(PROFILES), help="fastapi: what holds for every project; gateway adds "
              "tenancy, limits, caching, breakers, metrics. [default: [validate] profile, else detected]")  # fmt: skip
@click.option("--format", "form", type=click.Choice(("text", "json", "sarif", "github")), default="text",
              show_default=True, help="For people, programs, code scanning, or workflow annotations.")  # fmt: skip
@click.option("--scores", is_flag=True, help="Also list each file with its score, and the files that were skipped.")
@click.option(
    "--baseline", metavar="FILE", type=click.Path(path_type=Path), help="Findings that are known: only others count."
)
@click.option(
    "--write-baseline", is_flag=True, help="Write the present findings to the --baseline file (optimus-baseline.json)."
)
@click.option("--live", is_flag=True, help="Compare operations, cache kinds, limits and routes with the live ones.")
@click.option("--no-cache", is_flag=True, help="Judge every file again.")
@connection_flags
@click.pass_context
def command(
    ctx: click.Context, /, paths: tuple[Path, ...], level: "ValidationLevel | None", profile: "Profile | None",
    form: str, scores: bool, baseline: Path | None, write_baseline: bool, live: bool, no_cache: bool, **given: object,
) -> int:  # fmt: skip
    """Check the routers in PATHS (files or folders), or those of the gateway's source tree."""
    from optimus_tui.settings.project_rules import named_config
    from optimus_tui.tools.validate import all_files, report_of
    from optimus_tui.wording.numbers import timestamp

    cwd = working_directory()
    flags = merge_flags(ctx, given)
    settings = None
    if live or not paths:
        settings = settings_of(flags)
    config = named_config(flags, os.environ, cwd)
    judged = _judged(paths, cwd, settings, level, profile, config, use_cache=not no_cache)
    report = report_of(judged, timestamp(time.time()), _namer(cwd))
    if write_baseline:
        return _write(baseline or cwd / "optimus-baseline.json", report)
    known = gone = 0
    if baseline is not None:
        report, known, gone = _reduced(report, baseline, cwd)
    code = _exit_code(report)
    outcome = all_files(judged)
    if not live or settings is None:
        _print(report, form, known, gone, scores)
        return code
    if form != "json":
        _print(report, form, known, gone, scores)
    found, compared = _live(settings, outcome, print_line if form == "text" else print_error)
    if form == "json":
        import msgspec

        _print(msgspec.structs.replace(report, live=compared), form, known, gone, scores)
    return max(code, found)


def _judged(
    paths: Sequence[Path], cwd: Path, settings: "Settings | None", level: "ValidationLevel | None",
    profile: "Profile | None", config: Path | None, *, use_cache: bool,
) -> "list[JudgedProject]":  # fmt: skip
    """Return the judged files; click.UsageError for a path that is not there."""
    from optimus_tui.tools.router_files import ROUTERS, SourceTree
    from optimus_tui.tools.validation.folders import judge_folders
    from optimus_tui.tools.validation.projects import choose, judge_project

    if paths:
        places = [Path(os.path.abspath(cwd / path)) for path in paths]
        for path, place in zip(paths, places, strict=True):
            if not os.path.lexists(place):
                raise click.UsageError(f"there is no {path}")
        return judge_folders(places, level, profile, config, use_cache=use_cache)
    from optimus_tui.tools.answer import ToolFailure
    from optimus_tui.tools.validate import source_tree

    try:
        root = source_tree(settings.source_path if settings else None).resolve()
    except ToolFailure as failure:
        raise click.UsageError(failure.error.message) from None
    choice = choose(root, level, profile, config)
    return [judge_project(choice, SourceTree(root).below(ROUTERS), use_cache=use_cache)]


def _namer(cwd: Path) -> Callable[[Path, str], str]:
    """Return what names a file in the report: from the working directory, from a gateway's root, or absolute."""
    from optimus_tui.tools.validate import shown

    def name(root: Path, path: str) -> str:
        place = root / path
        if place.is_relative_to(cwd):
            near = place.relative_to(cwd)
        elif (root / "src" / "backend").is_dir():
            near = Path(path)
        else:
            near = place
        return shown(near.as_posix())

    return name


def _exit_code(report: "ValidateReport") -> int:
    refused = any(one.is_refused for one in report.skipped)
    found = any(one.priority in ("high", "medium") for one in report.issues_found)
    nothing = not (report.files or report.skipped or report.excluded or report.without_routes)
    return exits.code_of(found or refused or nothing)


def _write(place: Path, report: "ValidateReport") -> int:
    from optimus_tui.tools.validation.baseline import made_of

    try:
        place.write_bytes(made_of(report.issues_found))
    except OSError as error:
        print_error(f"{place}: {error.strerror or error}")
        return exits.USAGE
    print_line(f"{len(report.issues_found)} findings are in {place}; --baseline {place} leaves them out")
    return exits.HEALTHY


def _reduced(report: "ValidateReport", place: Path, cwd: Path) -> "tuple[ValidateReport, int, int]":
    import msgspec

    from optimus_tui.contract.tools.compliance import unescaped
    from optimus_tui.tools.validation.baseline import parsed, split

    try:
        known = parsed(place.read_bytes())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise click.UsageError(f"--baseline {place}: {reason}") from None
    new, old, gone = split(
        report.issues_found, known, [one.file for one in report.files], lambda file: (cwd / unescaped(file)).exists()
    )
    return msgspec.structs.replace(report, issues_found=tuple(new)), old, gone


def _print(report: "ValidateReport", form: str, known: int, gone: int, scores: bool) -> None:
    from optimus_tui import __version__

    if form in ("json", "sarif"):
        import msgspec

        content: object = report
        if form == "sarif":
            from optimus_tui.cli.routers.sarif import sarif

            content = sarif(report, __version__, working_directory())
        output.document(msgspec.json.encode(content), indent=output.indent())
        return
    for line in github(report) if form == "github" else lines(report, known, gone, scores):
        print_line(line)


def _live(
    settings: "Settings", outcome: "JudgedFiles", tell: Callable[[str], None]
) -> "tuple[int, LiveComparison | None]":
    """Below the findings for people, on stderr for programs, whose document stays one; it holds them as JSON."""
    from optimus_tui.cli.run_async import connected_to, to_end
    from optimus_tui.tools.answer import ToolFailure
    from optimus_tui.tools.validation.live import live_drift

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
        for reason in compared.not_compared:
            tell(f"not compared: {reason}")
        tell(f"code and live: {len(found)} differences, {compared.covered}")
        return exits.code_of(any(one.priority != "low" for one in found))

    return to_end(tool_call()), compared


def lines(report: "ValidateReport", known: int, gone: int, scores: bool = False) -> Iterator[str]:
    """Yield ``file:line:column priority rule message`` and the remedy of each finding, worst first, then a summary.

    With ``scores``, every file with its score and every skipped file come before the summary; without it, only the
    skipped files that make the command fail.
    """
    from optimus_tui.contract.tools.compliance import unescaped

    worth = {one.file: _worth(one) for one in report.files}
    worst = {"high": 0, "medium": 1}
    for one in sorted(report.issues_found, key=lambda each: (worst.get(each.priority, 2), worth.get(each.file, 0.0))):
        yield f"{unescaped(one.file)}:{one.line}:{one.column}: {one.priority} {one.rule} {one.issue}"
        yield f"    fix: {one.fix}"
    if report.issues_found:
        yield ""
    for file in sorted(report.files, key=_worth) if scores else ():
        lacking = ", ".join(name for name, state in file.patterns.items() if state in ("failed", "partial"))
        score = "  --" if file.compliance_score is None else f"{file.compliance_score:.2f}"
        yield f"{score}  {unescaped(file.file)}  {lacking}".rstrip()
    for notice in report.not_judged if scores else ():
        yield f"{unescaped(notice.file)}:{notice.line}: notice {notice.rule} {notice.reason}"
    for skipped in report.skipped:
        if scores or skipped.is_refused:
            yield f"  --  {unescaped(skipped.file)}  {skipped.reason}"
    yield from _summary(report, known, gone)


def _worth(file: "RouterFile") -> float:
    if file.compliance_score is None:
        return 1.0
    return file.compliance_score


def _summary(report: "ValidateReport", known: int, gone: int) -> Iterator[str]:
    from optimus_tui.tools.validate import in_words, left_unjudged
    from optimus_tui.wording.numbers import plural

    files = plural(report.files_validated, "file")
    average = "no score"
    if report.average_compliance_score is not None:
        average = f"{report.average_compliance_score:.2f}"
    verdict = "a file is worse than the average"
    if report.overall_compliance is None:
        verdict = "no pattern applies"
    elif not report.hides_worse:
        verdict = report.overall_compliance.replace("_", " ")
    new = ""
    if known or gone:
        new = " not in the baseline"
    scored = [one.compliance_score for one in report.files if one.compliance_score is not None]
    worst = ""
    if len(scored) > 1:
        worst = f", the worst {min(scored):.2f}"
    if 0 < len(scored) < report.files_validated:
        files = f"{len(scored)} of {files}"
    findings = plural(len(report.issues_found), "finding")
    yield f"{verdict}: {average} over {files}{worst} at {report.validation_level}, {findings}{new}"
    for profile in report.profiles:
        where = f"{profile.project}: " if len(report.profiles) > 1 else ""
        yield f"{where}{in_words(profile)}"
    if known:
        yield f"{plural(known, 'known finding')} of the baseline not shown"
    if gone:
        yield f"{plural(gone, 'finding')} of the baseline gone: --write-baseline brings it up to date"
    if report.ignored:
        yield f"{plural(report.ignored, 'finding')} set aside by comments with a reason"
    yield from left_unjudged(report)
    yield from report.notes


def github(report: "ValidateReport") -> Iterator[str]:
    """Yield one workflow command for each finding."""
    from optimus_tui.contract.tools.compliance import unescaped

    for one in report.issues_found:
        place = f"file={_property(unescaped(one.file))},line={one.line},col={one.column},title={_property(one.rule)}"
        yield f"::{_GITHUB_LEVELS.get(one.priority, 'notice')} {place}::{_message(f'{one.issue}. {one.fix}')}"


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
