"""``incident`` run, resume, note, close and export: what an operator does with an open incident.

The operator decides which issue to look at, whether to skip a step and what the cause was.
"""

from typing import TYPE_CHECKING

import click

from optimus_tui.cli import exits
from optimus_tui.cli.flags import connection_flags
from optimus_tui.cli.incident import NUMBER, lines, on_incident, ranking, spans, step_lines, what_next
from optimus_tui.cli.output import page, print_error, print_line

if TYPE_CHECKING:
    from optimus_tui.incidents.service import IncidentService


@click.command("run")
@NUMBER
@click.option(
    "--step",
    "name",
    metavar="STEP",
    help="Run this step. A step that is done runs again, and both results are compared.",
)
@click.option("--issue", metavar="TYPE", help="Choose the issue type to look at.")
@click.option("--tenant", metavar="NAME", help="With --issue: look at this tenant only.")
@click.option("--skip", "reason", metavar="REASON", help="Skip the step, for this reason.")
@click.option("--done", "said", metavar="TEXT", help="Mark a step without a tool as done, with its result.")
@connection_flags
@click.pass_context
def run(
    ctx: click.Context, /, number: int, name: str | None, issue: str | None, tenant: str | None, reason: str | None,
    said: str | None, **given: object,
) -> int:  # fmt: skip
    """Run the next step and record what it found."""
    if tenant is not None and issue is None:
        raise click.UsageError("--tenant belongs to --issue")

    async def work(incident_service: "IncidentService") -> int:

        if issue is not None:
            await incident_service.choose(issue, tenant)
        if name:
            step = incident_service.state.step(name)
        else:
            step = incident_service.state.next
        if step is not None and reason is not None:
            await incident_service.skip(step.plan.id, reason)
        elif step is not None and step.plan.kind != "tool" and said is not None:
            await incident_service.done(step.plan.id, said)
        elif step is not None and step.plan.choose_issue and incident_service.state.choice is None:
            for line in ranking(incident_service.state):
                print_line(line)
            print_error(f"choose the issue to look at: optimus-tui incident run {number} --issue TYPE")
            return exits.USAGE
        elif step is not None and step.plan.kind != "tool":
            for line in step_lines(step, incident_service.state):
                print_line(line)
            print_line(f"next: {what_next(incident_service.state)}")
            return exits.HEALTHY
        else:
            step = await incident_service.run(name)
        return _say_step(incident_service, step.plan.id if step else "")

    return on_incident(ctx, given, number, work)


def _say_step(incident_service: "IncidentService", name: str) -> int:
    from optimus_tui.workflow.ranking import MATTERS, rank

    step = incident_service.state.step(name)
    if step is None:
        return exits.HEALTHY
    for line in step_lines(step, incident_service.state):
        print_line(line)
    print_line(f"next: {what_next(incident_service.state)}")
    if step.status == "failed":
        return exits.UNREACHABLE
    return exits.code_of(step.status == "done" and step.outcome and rank(step.outcome.severity) >= MATTERS)


@click.command("resume")
@NUMBER
@click.option("--repair", is_flag=True, help="Set a damaged timeline aside, and continue with what can be read of it.")
@click.option(
    "--moved", metavar="REASON", help="Accept other addresses than at the start. REASON: why it is the same system."
)
@connection_flags
@click.pass_context
def resume(ctx: click.Context, /, number: int, repair: bool, moved: str | None, **given: object) -> int:
    """Continue an incident whose process ended; the step that was running can be run again."""

    async def work(incident_service: "IncidentService") -> int:

        if moved is not None and incident_service.elsewhere:
            await incident_service.move(moved)
        for line in lines(incident_service.state, incident_service.clocks.now()):
            print_line(line)
        print_line(f"next: {what_next(incident_service.state)}")
        if incident_service.read_only:
            return exits.REFUSED
        return exits.HEALTHY

    if repair and not _repair(number):
        return exits.REFUSED
    return on_incident(ctx, given, number, work, announce=True)


def _repair(number: int) -> bool:
    from optimus_tui.history.timeline import folder_of, incidents_dir, quarantine
    from optimus_tui.storage.private_file import UnreadableFile, writer

    try:
        kept, records = quarantine(folder_of(incidents_dir(), number), writer())
    except UnreadableFile as error:
        print_error(error)
        return False
    except OSError as error:
        print_error(f"it cannot be repaired: {error.strerror}")
        return False
    print_line(f"the damaged file is at {kept}; {records:,} records could be read")
    return True


@click.command("note")
@NUMBER
@click.argument("text", nargs=-1, required=True)
@connection_flags
@click.pass_context
def note(ctx: click.Context, /, number: int, text: tuple[str, ...], **given: object) -> int:
    """Add a note to the timeline."""

    async def work(incident_service: "IncidentService") -> int:
        await incident_service.note(" ".join(text))
        return exits.HEALTHY

    return on_incident(ctx, given, number, work)


@click.command("close")
@NUMBER
@click.option("--cause", metavar="TEXT", required=True, help="The cause of the incident.")
@click.option("--resolution", metavar="TEXT", required=True, help="What ended the incident.")
@click.option("--no-measure", is_flag=True, help="Do not measure the impact (error ratio, latency).")
@connection_flags
@click.pass_context
def close(ctx: click.Context, /, number: int, cause: str, resolution: str, no_measure: bool, **given: object) -> int:
    """Close the incident, measure its impact, and print MTTA and MTTR."""

    async def work(incident_service: "IncidentService") -> int:
        from optimus_tui.incidents.errors import IncidentError
        from optimus_tui.incidents.open import measure

        await incident_service.close_incident(cause, resolution)
        if not no_measure:
            try:
                await measure(incident_service)
            except IncidentError as error:
                print_error(f"the impact is not measured: {error}")
        for line in spans(incident_service.state):
            print_line(line)
        return exits.HEALTHY

    return on_incident(ctx, given, number, work)


@click.command("export")
@NUMBER
@click.option("--html", "form", flag_value="html", help="One self-contained page.")
@click.option("--md", "form", flag_value="md", default="md", help="Markdown (this is the default).")
@click.option("--to", "place", metavar="FILE", help="Write to FILE instead of beside the timeline; - is stdout.")
@connection_flags
@click.pass_context
def export(ctx: click.Context, /, number: int, form: str, place: str | None, **given: object) -> int:
    """Write the post-mortem and print its path."""

    async def work(incident_service: "IncidentService") -> int:
        from optimus_tui.incidents.postmortem import export as write_up
        from optimus_tui.incidents.postmortem import render

        wanted = "md"
        if form == "html":
            wanted = "html"
        if place is None:
            print_line(str(await write_up(incident_service, wanted)))  # type: ignore[arg-type]
            return exits.HEALTHY
        text = render(incident_service.state, incident_service.timeline, incident_service.clocks.now(), wanted)  # type: ignore[arg-type]
        return _put(text, place)

    return on_incident(ctx, given, number, work, write=place is None, must_write=False)


def _put(text: str, place: str) -> int:
    from optimus_tui.cli.reports.standup_page import PageNotWritten, write

    if place == "-":
        page(text.rstrip("\n"))
        return exits.HEALTHY
    try:
        write(place, text)
    except PageNotWritten as error:
        print_error(f"{place}: {error}")
        return exits.USAGE
    print_line(place)
    return exits.HEALTHY
