"""Each of the demo's scenarios is played to its end by the incident engine: found, ranked, cured, checked, written up.

The whole demo runs, the dashboard's loops watch it, and the keeper, the tools and the desk are those of the wizard.
Nothing is told to them: a step ends when what it waits for has been measured. Only the pace is another: what the
loops look at every two or thirty seconds is looked at more often, so that half a minute takes less here. Those of which
the proof waits for minutes of traffic are played at night.
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from optimus_tui.actions.service import ActionService
from optimus_tui.context import Context
from optimus_tui.contract.actions import ActionRequest, Confirmation, Plan, Receipt
from optimus_tui.contract.finding_rules import rule_of
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.incident import ActionRecord, Advice, Candidate
from optimus_tui.demo.command import DemoHandle, demo_settings
from optimus_tui.demo.scenarios import SCENARIOS
from optimus_tui.history.samples.store import Store
from optimus_tui.incidents.open import kept, measure, open_incident
from optimus_tui.incidents.postmortem import export
from optimus_tui.incidents.proof import Prover, sentence_of
from optimus_tui.incidents.service import IncidentService
from optimus_tui.sampling.record import Recorder
from optimus_tui.sampling.sampler import Sampler
from optimus_tui.settings.model import Thresholds
from optimus_tui.workflow.proof import proof_words
from optimus_tui.workflow.ranking import MATTERS, rank
from optimus_tui.workflow.standing import mtta, mttr
from tests.live.demo.driver import QUICK

pytestmark = pytest.mark.live


QUICKER = msgspec.structs.replace(QUICK, rate_minutes=0.1)


class Room:
    """An engineer's place: the screen's findings, the incident, the desk. ``alarms``: the first of each rule."""

    def __init__(self, demo: DemoHandle, context: Context, folder: Path) -> None:
        self.demo, self.context, self.folder = demo, context, folder
        self.action_service = ActionService(context, folder / "state")
        self.seen = self.calm = False
        self.alarms: dict[str, Finding] = {}
        self.incident_service: IncidentService

    def heard(self, subject: str, report: object) -> None:
        if subject == "health":
            self.seen = True
            serious = [one for one in report.findings if rank(one.severity) >= MATTERS]  # type: ignore[attr-defined]
            self.calm = not serious
            for one in serious:
                if one.since is not None:
                    self.alarms.setdefault(one.rule, one)

    async def play(self, scenario: str) -> None:
        outcome = await self.demo.play(scenario)
        assert outcome.done, outcome.note

    async def open(self, title: str = "") -> Candidate:
        """The incident with its first step; what it says to look at first."""
        root, alarms = self.folder / "incidents", tuple(self.alarms.values())
        self.incident_service = await open_incident(self.context, title, name="demo", alarms=alarms, root=root)
        await self.step("health")
        return self.first

    @property
    def first(self) -> Candidate:
        """What is to be looked at first."""
        return self.incident_service.state.candidates[0]

    async def leading(self, issue: str) -> Candidate:
        """The incident once its first step leads to this: what was refused before it must have been seen to be over."""
        await self.open()
        await until(lambda: self.first.issue == issue, lambda: self.step("health"))
        return self.first

    async def step(self, name: str) -> None:
        step = await self.incident_service.run(name)
        assert step.status == "done", step.said

    async def look(self, issue: str, tenant: str | None, rule: str) -> None:
        """Choose, and look until the decisive finding is in the evidence."""
        await self.incident_service.choose(issue, tenant)
        await until(lambda: self._shows("identify", rule), lambda: self.step("identify"))

    def _shows(self, name: str, rule: str, subject: str = "") -> bool:
        step = self.incident_service.state.step(name)
        found = step.outcome.findings if step and step.outcome else ()
        return any(one.rule == rule and subject in ("", one.subject) and rank(one.severity) >= MATTERS for one in found)

    async def rest(self) -> None:
        """The steps that were not needed to find it."""
        for name in ("performance", "integration"):
            if (step := self.incident_service.state.step(name)) and step.status == "waiting":
                await self.step(name)

    async def follow(self, command: str) -> None:
        """Do what a recommendation's command says, record it, and wait until it is proved."""
        service, advice = self.incident_service, self.advised(command)
        done = await self.demo.remedy(command.removeprefix(":remedy "))
        assert done.done, done.note
        record = await service.remedied(done.note, advice=advice.id)
        name, told = record.receipt.action_id, list[str]()
        assert record.verdict is None and record.due is not None, "too early"
        prover = Prover(service, lambda proved: told.append(sentence_of(proved)))

        def proved() -> bool:
            return next(one for one in service.state.action_records if one.receipt.action_id == name).verdict == "fixed"

        await until(proved, prover.turn, lambda: f"{told} {service.state.action_records} {service.state.timeline[-4:]}")
        assert not [one for one in told if "worse" in one], told
        assert " after you acted" in told[-1] and f"{done.note}: fixed " in told[-1], told

    def advised(self, command: str) -> Advice:
        """The recommendation of this command, which must be there."""
        return next(one for one in self.incident_service.state.advice if one.command == command)

    async def act(self, kind: str, tenant: str) -> ActionRecord:
        """What ``a`` does after its card, with the receipt in the incident and the checks that follow from it."""
        advice = next(one for one in self.incident_service.state.advice if one.kind == kind and one.tenant == tenant)
        plan = await self.action_service.plan(ActionRequest(kind=kind, tenant=tenant.encode()))  # type: ignore[arg-type]
        assert isinstance(plan, Plan), plan
        words = Confirmation(f"demo {plan.count}", "recommended by the incident")
        receipt = await self.action_service.apply(plan, words, threading.Event(), lambda _: None)
        assert isinstance(receipt, Receipt), receipt
        record = await self.incident_service.acted(kept(receipt), advice.id, advice.rules)
        prover, name = Prover(self.incident_service, lambda _: None), receipt.id

        def answered() -> ActionRecord:
            return next(one for one in self.incident_service.state.action_records if one.receipt.action_id == name)

        await until(lambda: answered().verdict is not None, prover.turn, lambda: str(record))
        return answered()

    async def fixed(self, *steps: str) -> None:
        """Ask the steps again until each has said "fixed": the engine measures, nobody tells it.

        A step that shows nothing but slow commands of Redis is fixed too: Redis shares the processors with the tests.
        """
        said: set[str] = set()

        async def again() -> None:
            for name in steps:
                if name not in said:
                    await self.step(name)
                    step = self.incident_service.state.step(name)
                    found = step.outcome.findings if step and step.outcome else ()
                    left = {one.rule for one in found if rank(one.severity) >= MATTERS}
                    if step and step.change and (step.change.verdict == "fixed" or left == {"redis.slow_commands"}):
                        said.add(name)

        await until(
            lambda: said == set(steps),
            again,
            lambda: f"{set(steps) - said} of {self.incident_service.state.timeline[-3:]}",
        )

    async def close(self, cause: str, resolution: str, *words: str, rules: Sequence[str]) -> None:
        """Close and export; both forms name what matters and one of the findings, and both times came out."""
        await self.incident_service.done("apply")
        await measure(self.incident_service)
        await self.incident_service.close_incident(cause, resolution)
        assert mtta(self.incident_service.state) is not None
        assert mttr(self.incident_service.state) is not None
        for form in ("md", "html"):
            text = (await export(self.incident_service, form)).read_text("utf-8").replace("\\", "")
            for word in (*words, cause, resolution):
                assert word in text, (form, word)
            assert any(rule_of(rule).title in text for rule in rules), (form, rules)


Work = Callable[[], Awaitable[None]]


async def until(condition: Callable[[], bool], work: Work | None = None, told: Callable[[], str] = str) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, f"it was not measured in time {told()}"
        if work is not None:
            await work()
            await asyncio.sleep(0.5)
        await asyncio.sleep(0.2)


@asynccontextmanager
async def engineer(demo: DemoHandle, folder: Path, thresholds: Thresholds | None = None) -> AsyncIterator[Room]:
    """Watches like a dashboard, with a history of its own; armed, because the demo may be."""
    settings = msgspec.structs.replace(demo_settings(demo), refresh_seconds=0.5)
    if thresholds is not None:
        settings = msgspec.structs.replace(settings, thresholds=thresholds)
    context = Context(settings, tuning=QUICKER)
    context.__dict__["store"] = Store(folder / "history.sqlite")
    room = Room(demo, context, folder)
    sampler = Sampler(context, Recorder(lambda: context.store, context.clock, 0.5).listen(room.heard))
    loops = [asyncio.ensure_future(loop()) for loop in sampler.loops().values()]
    try:
        await room.action_service.arm("demo")
        await until(lambda: room.seen)
        yield room
    finally:
        await demo.play("quiet")
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        if hasattr(room, "incident_service"):
            await room.incident_service.aclose()
        room.action_service.close()
        await context.aclose()


PATIENT = Thresholds(latency_good_ms=10_000.0, latency_poor_ms=20_000.0)
"""The demo shares the processors with the tests: how slow a busy machine makes it is no fault of a scenario."""
BUSY = {"redis.slow_commands"}
"""What a busy machine alone causes, whatever the thresholds are."""


async def test_quiet_nothing_is_found_and_it_says_so(running: DemoHandle, tmp_path: Path) -> None:
    async with engineer(running, tmp_path, PATIENT) as room:
        await until(lambda: room.calm)  # its first answers, while everything starts, may really be slow
        await room.open()
        await until(lambda: room.first.score == 0, lambda: room.step("health"), lambda: room.first.reason)
        first = room.first
        assert first.issue == "high_latency", first.reason
        assert "no finding points to it" in first.reason
        await room.incident_service.choose(first.issue)
        await room.step("identify")
        await room.rest()
        state = room.incident_service.state
        outcomes = [one for step in state.steps for one in (step.worst, step.outcome) if one is not None]
        serious = [one for outcome in outcomes for one in outcome.findings if rank(one.severity) >= MATTERS]
        assert BUSY.issuperset(one.rule for one in serious), serious
        urgent = [one for one in state.advice if rank(one.priority) >= MATTERS]
        assert all(one.rules and BUSY.issuperset(one.rules) for one in urgent), urgent
        await room.incident_service.done("apply")
        await room.incident_service.close_incident("a false alarm", "nothing was wrong")
        text = (await export(room.incident_service, "md")).read_text("utf-8")
        assert "nothing was wrong" in text
        light = bool(state.open_findings or room.alarms or serious)  # a busy machine may have one, with a beginning
        assert light or "nothing to acknowledge: no fault was found" in text, "no beginning is made up"


async def test_immortal_counter_is_repaired_from_here(running: DemoHandle, tmp_path: Path) -> None:
    async with engineer(running, tmp_path) as room:
        await room.play("immortal-counter")
        await until(lambda: "limits.immortal" in room.alarms)
        first = await room.open()
        assert (first.issue, first.tenant) == ("rate_limiting", "clinic_b")
        assert "never resets" in first.reason
        await room.look(first.issue, first.tenant, "limits.immortal")
        await room.rest()
        advice = next(one for one in room.incident_service.state.advice if one.kind == "repair_counter")
        assert "EXPIRE rate_limit:clinic_b:chat 60 NX" in (advice.command or "")
        repaired = await room.act("repair_counter", "clinic_b")
        assert repaired.verdict == "fixed", repaired.checks
        assert "stays refused until " in proof_words(repaired), "it resets again, but the window is still full"
        reset = await room.act("reset_counters", "clinic_b")
        assert reset.verdict == "fixed", reset.checks
        await room.close("a counter without TTL", "window given back", "clinic_b", rules=["limits.immortal"])


@pytest.mark.night
async def test_noisy_tenant_is_blocked_and_then_reset(running: DemoHandle, tmp_path: Path) -> None:
    async with engineer(running, tmp_path) as room:
        await room.play("noisy-tenant")
        await until(lambda: "limits.over" in room.alarms)
        first = await room.open()
        assert (first.issue, first.tenant) == ("rate_limiting", "demo_dentist")
        assert "used up its limit" in first.reason
        await room.look(first.issue, first.tenant, "limits.over")
        await room.follow(":remedy block-client")
        record = await room.act("reset_counters", "demo_dentist")
        assert record.verdict == "fixed", record.checks
        await room.close("a client in a loop", "blocked, and its counter reset", "demo_dentist", rules=["limits.over"])


async def test_engine_down_leads_to_integration_first_and_to_a_restart(running: DemoHandle, tmp_path: Path) -> None:
    async with engineer(running, tmp_path) as room:
        await room.play("engine-down")
        await until(lambda: "services.engine" in room.alarms)
        first = await room.open()
        assert (first.issue, first.rules[0]) == ("circuit_breaker", "services.engine")
        coming = room.incident_service.state.next
        assert coming and coming.plan.id == "integration", "the branch: does a request reach the engine"
        await room.step("integration")
        await room.look(first.issue, first.tenant, "breaker.open")
        assert room._shows("identify", "services.engine")
        await room.rest()
        await room.follow(":remedy restart-engine")
        await room.fixed("health", "identify", "integration")
        await room.close("its process was gone", "started again", rules=["services.engine"])


@pytest.mark.night
async def test_engine_slow_is_seen_by_the_last_looks_and_cured_by_them(running: DemoHandle, tmp_path: Path) -> None:
    async with engineer(running, tmp_path) as room:
        await room.play("engine-slow")
        await until(lambda: bool({"latency.now", "latency.p95"} & set(room.alarms)))
        first = await room.leading("high_latency")
        assert " over " in first.reason, "over 500 ms, or over 1 s where the gateway's routes wait for it longer"
        await room.incident_service.choose(first.issue)
        await until(
            lambda: any(room._shows("identify", rule, "engine") for rule in ("latency.now", "latency.p95")),
            lambda: room.step("identify"),
        )
        await room.follow(":remedy restart-engine")
        await room.fixed("identify")
        await room.close("its drill delay", "restarted", "engine", rules=["latency.now", "latency.p95"])


@pytest.mark.night
async def test_cache_stampede_is_seen_in_the_rate_of_now(running: DemoHandle, tmp_path: Path) -> None:
    async with engineer(running, tmp_path) as room:
        await room.play("cache-stampede")
        await until(lambda: "cache.hit_rate" in room.alarms)
        first = await room.leading("cache_miss")
        assert "hit rate" in first.reason
        await room.look(first.issue, first.tenant, "cache.hit_rate")
        step = room.incident_service.state.step("identify")
        assert step and step.evidence
        seen = room.incident_service.read(step.evidence)["cache_miss_analysis"]["invalidations"]["per_minute_by_type"]
        assert seen["bulk_invalidation"] > 5, "a minute, when nothing in the demo drops in bulk otherwise"
        await room.follow(":remedy stop-job")
        await room.fixed("health", "identify")
        await room.close("bulk invalidations", "the job was stopped", rules=["cache.hit_rate"])


async def test_coherence_storm_is_a_flood_of_events(running: DemoHandle, tmp_path: Path) -> None:
    async with engineer(running, tmp_path) as room:
        await room.play("coherence-storm")
        await until(lambda: "events.flood" in room.alarms)
        first = await room.leading("cache_miss")
        assert "coherence events a second" in first.reason
        await room.look(first.issue, first.tenant, "events.flood")
        await room.follow(":remedy stop-publisher")
        await room.fixed("health", "identify")
        await room.close("a publisher ran wild", "stopped", rules=["events.flood"])


def test_every_scenario_is_played() -> None:
    played = " ".join(name for name in globals() if name.startswith("test_")).replace("_", "-")
    assert [name for name in SCENARIOS if name not in played] == []
