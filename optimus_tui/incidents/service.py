"""One incident held open by this process.

Each event is stamped, applied and recorded before it is part of the state.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from optimus_tui.clock import counting_from
from optimus_tui.contract import incident_events as happened
from optimus_tui.contract.finding_rules import HEALTH
from optimus_tui.contract.incident import ActionRecord, Evidence, Figure, IncidentState, KeptReceipt, Stamp, Step
from optimus_tui.contract.incident_events import AnyEffect, AnyEvent
from optimus_tui.contract.reading import Fault
from optimus_tui.contract.tools.common import Diagnostic
from optimus_tui.history.samples.store import system_of
from optimus_tui.history.timeline import Timeline
from optimus_tui.incidents.clocks import Clocks
from optimus_tui.incidents.errors import IncidentError, plain
from optimus_tui.incidents.pace import pace
from optimus_tui.incidents.since import counters_in, figures_since, tenant_acted_on, with_figures
from optimus_tui.probes.round_trips import attributed_to
from optimus_tui.storage.private_file import user_name
from optimus_tui.workflow.engine import reduce, refusal, replay
from optimus_tui.workflow.outcomes import outline
from optimus_tui.workflow.proof import aimed_at
from optimus_tui.workflow.ranking import opened_on
from optimus_tui.workflow.standing import has_only_its_first_step

if TYPE_CHECKING:
    from optimus_tui.context import Context
    from optimus_tui.tools.parts import Progress


INTERRUPTED = "interrupted by the operator"
DISK_SECONDS = 10.0
"""Seconds that a record may take to be on the disk."""
CLOSE_SECONDS = 3.0


Document = tuple[Evidence, bytes]
Change = Callable[[Stamp], AnyEvent]


class IncidentService:
    """One open incident, for use on one event loop. Made by ``open_incident`` and ``resume_incident``."""

    def __init__(self, ctx: "Context", timeline: Timeline, clocks: Clocks | None = None) -> None:
        self.ctx, self.timeline = ctx, timeline
        self.clocks = clocks or Clocks(ctx)
        self.state: IncidentState = replay(timeline.events)
        self._turn = asyncio.Lock()
        self._examined: dict[str, str] = {}
        self._writing: set[asyncio.Future[Any]] = set()
        self._hanging: asyncio.Future[bool] | None = None

    @property
    def read_only(self) -> str:
        """Why nothing can be recorded; empty if it can."""
        return self.timeline.read_only

    @property
    def fault(self) -> Fault | None:
        """Why records wait in memory, with their number; None if none do."""
        return self.timeline.fault

    # -- recording

    async def tell(self, event: Change, *documents: Document) -> tuple[AnyEffect, ...]:
        """Record an event and return the effects that are left to carry out.

        Args:
            event: Makes the event from the current time stamp.
            documents: Evidence to store with it.

        Raises:
            IncidentError: The event cannot happen now, or cannot be recorded here (exit code 4).
        """
        task = asyncio.ensure_future(self._tell(event, documents))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)
        return await asyncio.shield(task)

    async def _tell(self, event: Change, documents: tuple[Document, ...]) -> tuple[AnyEffect, ...]:
        async with self._turn:
            if self.read_only:
                raise IncidentError(f"incident {self.state.id or '?'} is read-only: {self.read_only}", 4)
            happened = event(self.clocks.now())
            state, effects = reduce(self.state, happened)
            reason = refusal(effects)
            if reason is not None:
                raise IncidentError(reason, 4)
            await self._on_disk(happened, documents, state)
            return effects

    async def _on_disk(self, event: AnyEvent, documents: tuple[Document, ...], state: IncidentState) -> None:
        """Append the event to the timeline, then make ``state`` the current one.

        If the disk does not answer in time, the event counts as soon as it is written; nothing more is recorded until
        then.

        Raises:
            IncidentError: The disk does not answer.
        """
        if self._hanging is not None and not self._hanging.done():
            raise IncidentError(f"the disk under {self.timeline.folder} still does not answer: nothing is recorded", 4)
        work = asyncio.ensure_future(asyncio.to_thread(self.timeline.append, event, *documents))

        def recorded(done: "asyncio.Future[bool]") -> None:
            if not done.cancelled() and done.exception() is None:
                self.state = state

        work.add_done_callback(recorded)
        await asyncio.wait([work], timeout=DISK_SECONDS)
        if not work.done():
            self._hanging = work
            raise IncidentError(f"the disk under {self.timeline.folder} did not answer within {DISK_SECONDS:.0f} s", 4)
        work.result()
        self.state = state

    def document(self, stem: str, document: object) -> Document:
        """Return a document to pass to ``tell``."""
        raw = document
        if not isinstance(raw, bytes):
            raw = msgspec.json.encode(document)
        return self.timeline.describe(stem, raw), raw

    def read(self, evidence: Evidence) -> Any:
        """Return a document of this incident, decoded.

        Raises:
            UnreadableFile: It is gone or changed.
            IncidentError: It is not JSON.
        """
        try:
            return msgspec.json.decode(self.timeline.read(evidence))
        except (msgspec.MsgspecError, RecursionError):
            raise IncidentError(f"{evidence.name} is not JSON") from None

    # -- steps

    async def run(self, name: str | None = None, progress: "Progress | None" = None) -> Step:
        """Run a step's tool and return the step with its outcome, or failed with the reason.

        Args:
            name: The step's id; None for the next one.
            progress: Called with the tool's progress.
        """
        self.check_system()
        step = self.state.step(name) if name else self.state.next
        if step is None and name:
            raise IncidentError(f"there is no step {name!r}")
        if step is None:
            raise IncidentError("all steps are done", 4)
        of = step.plan.id
        try:
            effects = await self.tell(lambda at: happened.StepStarted(at=at, step=of))
            (ask,) = [one for one in effects if isinstance(one, happened.RunTool)]
            await self._perform(ask, progress)
        except asyncio.CancelledError:
            await self._written()  # The start of the step may be on its way to the disk.
            if self.state.running is not None and self.state.running.plan.id == of:
                await self.tell(lambda at: happened.StepFailed(at=at, step=of, message=INTERRUPTED))
            raise
        return self.state.step(of) or step

    async def _perform(self, ask: happened.RunTool, progress: "Progress | None" = None) -> None:
        from optimus_tui.tools.answer import ToolFailure

        async def failed(message: str) -> None:
            if ask.action_id:
                await self.tell(
                    lambda at: happened.CheckFinished(at=at, action_id=ask.action_id, step=ask.step, message=message)
                )
            else:
                await self.tell(lambda at: happened.StepFailed(at=at, step=ask.step, message=message))

        began = self.ctx.clock.mono()
        try:
            document = await self._ask(ask, progress)
        except ToolFailure as failure:
            await failed(failure.error.message)
            return
        except Exception:
            await failed("a bug in Optimus TUI; see its report")
            raise
        took = round((self.ctx.clock.mono() - began) * 1000, 1)
        kept = self.document(f"{ask.step}-check" if ask.action_id else ask.step, document)
        found = outline(document, opened_on(self.state))
        if ask.action_id:
            found = with_figures(found, await self._figures(ask, document))
            await self.tell(
                lambda at: happened.CheckFinished(
                    at=at, action_id=ask.action_id, step=ask.step, outcome=found, evidence=kept[0]
                ),
                kept,
            )
        else:
            await self.tell(
                lambda at: happened.StepFinished(at=at, step=ask.step, outcome=found, evidence=kept[0], took_ms=took),
                kept,
            )

    async def _figures(self, ask: happened.RunTool, document: dict[str, Any]) -> list[Figure]:
        """Return the figures since an action of what it was to fix: by the history, and by a check's document."""
        aims = self._aims(ask)
        return [*await figures_since(self.ctx, aims, ask.since or 0.0), *counters_in(document, aims)]

    def _aims(self, ask: happened.RunTool) -> list[Diagnostic]:
        """Return what the action was to fix that a tool is run for; nothing for a step of its own."""
        records = [one for one in self.state.action_records if one.receipt.action_id == ask.action_id]
        return [aim for record in records for aim in aimed_at(record)]

    async def _ask(self, ask: happened.RunTool, progress: "Progress | None") -> dict[str, Any]:
        """Run the tool. Where no tenant is known, a later look examines the tenant that the first one chose."""
        from optimus_tui.tools.answer import answer

        arguments = dict(ask.arguments)
        if ask.step in self._examined:
            arguments.setdefault("tenant_id", self._examined[ask.step])
        elif ask.tool == HEALTH and (whose := tenant_acted_on(self._aims(ask))):
            arguments.setdefault("tenant_id", whose)  # its counters are then told, whether they are a finding or not
        with attributed_to("incident"), counting_from(ask.since):
            report, _ = await asyncio.gather(answer(self.ctx, ask.tool, arguments, progress), self.clocks.hear())
        document: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(report))
        chosen = document.get("tenant_id", "") if "rate_limiting_details" in document else ""
        if chosen and chosen.isascii() and "\\" not in chosen:  # else it is only how the name is shown
            self._examined.setdefault(ask.step, chosen)
        return document

    def check_system(self) -> None:
        """Check that the configured addresses are those of the incident's system.

        Raises:
            IncidentError: They lead to another one.
        """
        settings, state = self.ctx.settings, self.state
        if state.environment != settings.environment:
            raise IncidentError(
                f"incident {state.id} is of environment {state.environment}: use --env {state.environment}"
            )
        if self.elsewhere:
            raise IncidentError(
                f"incident {state.id} is about a system at other addresses than those configured now: restore them, "
                f"or give the reason for the move with optimus-tui incident resume {state.id} --moved REASON"
            )

    @property
    def elsewhere(self) -> bool:
        """Whether the system's addresses differ from those when the incident was opened or last moved."""
        return bool(self.state.system) and self.state.system != system_of(self.ctx.settings)

    async def move(self, reason: str) -> None:
        """Continue with the system that is configured now."""
        system = system_of(self.ctx.settings)
        await self.tell(
            lambda at: happened.SystemMoved(at=at, system=system, reason=plain(reason), operator=user_name())
        )

    # -- the operator

    async def choose(self, issue: str, tenant: str | None = None, reason: str = "") -> None:
        """Record the issue type (and tenant) to examine."""
        await self.tell(lambda at: happened.IssueChosen(at=at, issue=issue, tenant=tenant, reason=plain(reason)))

    async def skip(self, step: str, reason: str) -> None:
        """Skip a step, with a reason."""
        await self.tell(lambda at: happened.StepSkipped(at=at, step=step, reason=plain(reason)))

    async def done(self, step: str, said: str = "") -> None:
        """Mark a step without a tool as done."""
        await self.tell(lambda at: happened.StepDone(at=at, step=step, said=plain(said)))

    async def note(self, text: str, pane: str = "", title: str = "") -> None:
        """Keep a note, or a pin from a pane."""
        kept = plain(text)
        await self.tell(
            lambda at: happened.NoteAdded(
                at=at, text=kept, pane=plain(pane, 60), title=plain(title, 200), operator=user_name()
            )
        )

    async def mark(self, advice: str, status: str, said: str = "") -> None:
        """Mark a recommendation as "done" by hand, "dismissed" (with a reason) or "open" again."""
        if status not in ("open", "done", "dismissed"):
            raise IncidentError("a recommendation is open, done or dismissed")
        await self.tell(lambda at: happened.AdviceMarked(at=at, advice=advice, status=status, said=plain(said)))  # type: ignore[arg-type]

    async def acted(self, receipt: KeptReceipt, advice: str = "", rules: tuple[str, ...] = ()) -> ActionRecord:
        """Record an action's receipt and return the action's record.

        The tools that showed the fault run again: at once if that can prove something, else ``Prover`` runs them at
        ``due``, and ``verdict`` is None until then.
        """
        usual = await pace(self.ctx)
        return await self._proved(
            receipt.action_id,
            lambda at: happened.ActionDone(at=at, receipt=receipt, advice=advice, rules=rules, pace=usual),
        )

    async def remedied(
        self,
        words: str,
        *,
        advice: str = "",
        ended: float | None = None,
        restarts: str = "",
        started: float | None = None,
    ) -> ActionRecord:
        """Record something that was done outside of the product, as ``acted`` does with an action.

        Args:
            words: What was done.
            advice: The id of the recommendation that it follows; empty for none.
            ended: Wall-clock seconds at which it took effect; None for now.
            restarts: The service that it restarted; empty for none.
            started: Wall-clock seconds at which it was confirmed; None where that is not known.
        """
        number = sum(one.receipt.outside for one in self.state.action_records) + 1
        receipt = KeptReceipt(
            action_id=f"outside-{number}",
            kind="remedy",
            tenant="",
            words=plain(words, 400),
            started=started,
            ended=ended,
            outside=True,
            restarts=restarts,
        )
        return await self.acted(receipt, advice)

    async def check_again(self, action_id: str, since: float | None = None) -> ActionRecord:
        """Run an action's checks and return its record with the verdict.

        Args:
            action_id: The action.
            since: Wall-clock seconds from which they count; None for the time of the action.
        """
        return await self._proved(action_id, lambda at: happened.ChecksAsked(at=at, action_id=action_id, since=since))

    async def delay_checks(self, action_id: str, due: float, need: str) -> None:
        """Record that too little was recorded since an action to prove anything, and when its checks run instead."""
        await self.tell(lambda at: happened.ChecksDelayed(at=at, action_id=action_id, due=due, need=need))

    async def give_up_checks(self, action_id: str, why: str) -> None:
        """Record that the checks of an action have no result, because too little was recorded since for a proof."""
        await self.tell(lambda at: happened.ChecksAsked(at=at, action_id=action_id))
        for step in self._unanswered(action_id):
            await self.tell(_without_result(action_id, step, why))

    async def _proved(self, name: str, event: Change) -> ActionRecord:
        try:
            for one in await self.tell(event):
                if isinstance(one, happened.RunTool):
                    await self._perform(one)
        except asyncio.CancelledError:
            await self._written()
            for step in self._unanswered(name):
                await self.tell(_without_result(name, step, INTERRUPTED))
            raise
        return next(one for one in self.state.action_records if one.receipt.action_id == name)

    def _unanswered(self, action_id: str) -> list[str]:
        record = self.state.action_record(action_id)
        if record is None:
            return []
        return [check.step for check in record.checks if check.change is None]

    async def close_incident(self, cause: str, resolution: str) -> None:
        """Close the incident with its cause and resolution."""
        await self.tell(lambda at: happened.Closed(at=at, cause=plain(cause), resolution=plain(resolution)))

    async def discard(self, reason: str = "") -> bool:
        """End an incident that was opened by mistake.

        It is removed if it has nothing but its first step, else closed, and its records say that it was discarded.

        Args:
            reason: Why, for the record of one that is kept.

        Returns:
            True if it was removed.

        Raises:
            IncidentError: A step is running, or it cannot be removed or recorded.
        """
        if self.state.running is not None:
            raise IncidentError(f"{self.state.running.plan.title} is still running: discard it when it has ended", 4)
        if not has_only_its_first_step(self.state):
            await self.close_incident(
                "none: it was opened by mistake", f"discarded: {plain(reason) or 'no reason given'}"
            )
            return False
        async with self._turn:
            try:
                await asyncio.to_thread(self.timeline.remove)
            except OSError as error:
                raise IncidentError(f"incident {self.state.id} cannot be removed: {error.strerror}", 4) from None
        return True

    async def reopen(self, reason: str) -> None:
        """Reopen a closed incident."""
        await self.tell(lambda at: happened.Reopened(at=at, reason=plain(reason)))

    async def aclose(self) -> None:
        """Finish recording (waits at most 3 s) and release the incident. It stays open or closed as it is."""
        await self._written()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await asyncio.to_thread(self.timeline.close)

    async def _written(self) -> None:
        if self._writing:
            await asyncio.wait(self._writing, timeout=CLOSE_SECONDS)


def _without_result(action_id: str, step: str, why: str) -> Change:
    return lambda at: happened.CheckFinished(at=at, action_id=action_id, step=step, message=why)
