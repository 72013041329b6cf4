"""``scaffold``: plan, check, show and write a router, or undo it. Everything that will be written is shown first.

Exit codes: 0 written, shown or undone; 1 a check failed or the operator did not confirm; 2 an argument or a target
folder cannot be used; 4 its tests could not be run, and ``--yes`` alone does not allow that.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec import structs

from optimus_tui.cli import exits, output
from optimus_tui.cli.flags import connection_flags, merge_flags, settings_of
from optimus_tui.contract.tools.traffic import RouterType

if TYPE_CHECKING:
    from optimus_tui.actions.drafts.draft_checks import DraftCheck
    from optimus_tui.actions.drafts.routers import RouterPlan
    from optimus_tui.scaffold.spec import RouterSpec

SHOWN_OUTPUT = 40


@click.group("scaffold", no_args_is_help=False)
def command() -> None:
    """Write a new router with its tests, or undo the last one."""


@command.command("new", short_help="Plan, check, show and write a router.")
@click.argument("name", metavar="NAME")
@click.option("--type", "router_type", default="proxy", show_default=True, help="proxy, direct or hybrid.")
@click.option("--storage", default="memory", show_default=True,
              help="Of the type direct: memory (not for production) or sqlalchemy (a table).")  # fmt: skip
@click.option(
    "--operations",
    default="list,create,get,update",
    show_default=True,
    help="Any of list,create,get,update,patch,delete.",
)
@click.option(
    "--field", "fields", multiple=True, metavar="NAME:TYPE[(OPTIONS)][?][=DEFAULT]", help="A field of the model."
)
@click.option("--filter", "filters", default="", metavar="NAMES", help="Fields to filter and sort the list by.")
@click.option("--parent", default="", metavar="NAMES", help="Its parents, such as orders or customers/orders.")
@click.option("--no-rate-limiting", is_flag=True, help="Count no requests.")
@click.option("--no-caching", is_flag=True, help="Cache no answers.")
@click.option("--project", metavar="DIR", help="The project (BACKEND_ORCHESTRATOR_PATH, or found here or above).")
@click.option(
    "--package",
    default="",
    metavar="NAME",
    help="The package for routers, such as app.api.routes (found if not given).",
)
@click.option(
    "--into",
    default="",
    metavar="FILE[:NAME]",
    help="Where they are registered, such as app/main.py:app (found if not given).",
)
@click.option("--python", metavar="PATH", help="Runs the tests (the project's .venv, else our own).")
@click.option("--dry-run", is_flag=True, help="Write nothing.")
@click.option("--yes", is_flag=True, help="Do not ask; an existing file of yours also needs --replace.")
@click.option("--untested", is_flag=True, help="With --yes: write also where the tests cannot be run here.")
@click.option("--replace", is_flag=True, help="Existing files of this router may be replaced.")
@connection_flags
@click.pass_context
def new(
    ctx: click.Context,
    /,
    name: str,
    router_type: RouterType,
    storage: str,
    operations: str,
    fields: tuple[str, ...],
    filters: str,
    parent: str,
    no_rate_limiting: bool,
    no_caching: bool,
    project: str | None,
    package: str,
    into: str,
    python: str | None,
    dry_run: bool,
    yes: bool,
    untested: bool,
    replace: bool,
    **given: object,
) -> int:
    """Write a router NAME with its tests, and register it in the project's application: all of it or nothing."""
    from optimus_tui.actions.drafts.routers import plan_router
    from optimus_tui.actions.files.changes import recover
    from optimus_tui.actions.files.tree import WriteRefused
    from optimus_tui.scaffold.fields import SpecError
    from optimus_tui.scaffold.layout import LayoutError, find_target
    from optimus_tui.scaffold.spec import make_spec
    from optimus_tui.tools.router import shared_names

    try:
        root = _root(project, merge_flags(ctx, given))
        spec = make_spec(
            name,
            router_type,
            [each.strip() for each in operations.split(",") if operations.strip()],  # none at all where it is empty
            storage=storage,
            rate_limiting=not no_rate_limiting,
            caching=not no_caching,
            fields=fields,
            filters=[each.strip() for each in filters.split(",") if filters.strip()],
            parent=parent,
        )
        spec = structs.replace(spec, target=find_target(root, package, into))
        if not dry_run:
            for sentence in recover(root):
                output.print_error(sentence)
        plan = plan_router(root, spec, shared_names, {"package": package, "into": into})
    except SpecError as error:
        if error.allowed:
            return _refuse(f"{error}; allowed: {', '.join(error.allowed)}")
        return _refuse(error)
    except (WriteRefused, LayoutError) as error:
        return _refuse(error)
    url = _gateway_url(merge_flags(ctx, given))
    return _show_and_write(plan, python, url, dry_run=dry_run, yes=yes, untested=untested, replace=replace)


@command.command("undo", short_help="Undo the last written router.")
@click.option("--project", metavar="DIR", help="The project (BACKEND_ORCHESTRATOR_PATH, or found here or above).")
@connection_flags
@click.pass_context
def undo(ctx: click.Context, /, project: str | None, **given: object) -> int:
    """Undo the last router, if none of its files was changed since."""
    from optimus_tui.actions.files.changes import undo_last
    from optimus_tui.actions.files.tree import WriteRefused

    try:
        entry = undo_last(_root(project, merge_flags(ctx, given)))
    except (WriteRefused, OSError) as error:
        return _refuse(_reason(error))
    for change in entry.changes:
        output.print_line(f"{'removed' if change.before is None else 'restored':<9}{change.path}")
    return exits.HEALTHY


def _root(project: str | None, flags: dict[str, object]) -> Path:
    """Return the project: the named one, the gateway that is watched, else the one that this folder is in."""
    from optimus_tui.scaffold.layout import project_of

    if project is not None:
        return Path(project)
    return settings_of(flags).source_path or project_of(Path.cwd()) or Path.cwd()


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"nothing was written: {error.filename or 'the disk'}: {error.strerror}"
    return str(error)


def _refuse(sentence: object) -> int:
    output.print_error(f"scaffold: {sentence}")
    return exits.USAGE


def _gateway_url(flags: dict[str, object]) -> str:
    """Return the gateway's address for the next steps; the usual one where the settings cannot be used."""
    from optimus_tui.settings.model import Settings
    from optimus_tui.settings.table import SettingsError

    try:
        return settings_of(flags, quiet=True).gateway_url
    except SettingsError:
        return Settings().gateway_url


def _show_and_write(
    plan: "RouterPlan", python: str | None, gateway_url: str, *, dry_run: bool, yes: bool, untested: bool, replace: bool
) -> int:
    """Show everything, check everything, ask, write."""
    from optimus_tui.actions.drafts.draft_checks import run_checks
    from optimus_tui.actions.drafts.routers import show_diff, show_tree
    from optimus_tui.tools.router_files import judged

    if not plan.changes:
        output.print_line(f"the router {plan.draft.spec.name} is there already, exactly like this: nothing to write")
        return exits.HEALTHY
    for line in [*show_diff(plan, new_files=dry_run), "", *show_tree(plan), ""]:
        output.print_line(line)
    for warning in plan.warnings:
        output.print_wrapped("note     ", warning)
    checks: list[DraftCheck] = []
    allowed = yes or _is_allowed(plan)
    for check in run_checks(plan.draft, plan.root, python, judged, None, allowed):
        checks.append(check)
        output.print_wrapped(f"{check.status:<9}", f"{check.name}: {check.detail}")
        for line in check.output.splitlines()[-SHOWN_OUTPUT:]:
            output.print_line(f"         {line}")
    if any(check.status == "failed" for check in checks):
        output.print_error("scaffold: nothing was written: a check failed")
        return exits.FOUND_SOMETHING
    if dry_run:
        return exits.HEALTHY
    silent = [check for check in checks if check.status == "not run"]
    if yes and not untested and (reason := next((one.detail for one in silent if one.name == "tests"), "")):
        output.print_error(
            f"scaffold: nothing was written: the tests were {reason}; name a Python that can run them with --python, "
            "or write without them with --untested"
        )
        return exits.REFUSED
    return _ask_and_write(plan, silent, gateway_url, yes=yes, replace=replace)


def _is_allowed(plan: "RouterPlan") -> bool:
    """Return True if the person at the terminal lets the project's code run; without a terminal it is False."""
    if not sys.stdin.isatty():
        return False
    question = f"Run the tests? They import the code of {plan.root}, in a copy, without your addresses and passwords."
    return click.confirm(question, default=False)


def _ask_and_write(
    plan: "RouterPlan", silent: "list[DraftCheck]", gateway_url: str, *, yes: bool, replace: bool
) -> int:
    from optimus_tui.actions.drafts.routers import write_router
    from optimus_tui.actions.files.tree import WriteRefused
    from optimus_tui.scaffold.render import next_steps

    questions: list[str] = []
    if plan.replaced and not replace:
        if yes:
            return _refuse(
                f"there already: {', '.join(plan.replaced)}: --yes alone does not replace them, --replace does"
            )
        questions.append(f"Replace {', '.join(plan.replaced)}?")
    if not yes:
        questions += [f"Write without this check ({check.name})?" for check in silent]
        questions.append(f"Write {len(plan.changes)} files to {plan.root}?")
    if questions and not sys.stdin.isatty():
        return _refuse("nothing was written: there is no terminal to confirm on; add --yes")
    for question in questions:
        if not click.confirm(question, default=False):
            output.print_error("scaffold: nothing was written")
            return exits.FOUND_SOMETHING
    try:
        write_router(plan)
    except (WriteRefused, OSError) as error:
        return _refuse(_reason(error))
    _say_next(plan.draft.spec, next_steps(plan.draft.spec, gateway_url)[3:])
    return exits.HEALTHY


def _say_next(spec: "RouterSpec", steps: tuple[str, ...]) -> None:
    output.print_line(f"written; optimus-tui scaffold undo takes it back. Next for {spec.name}:")
    for step in steps:
        output.print_line(f"  {step}")
