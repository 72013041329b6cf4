"""Drills, in the demo only: a hidden fault, a clock, remedies outside of the product, the result.

Nothing is measured here: the demo reports when the fault was in place, the readings when it was shown and when it
ended, the incident's timeline the rest. While a drill runs, nothing here reveals which fault it is.
"""

import asyncio
import random
from typing import TYPE_CHECKING

from msgspec.structs import replace
from textual.screen import ModalScreen

from optimus_tui.tui.actions.team_advice import advice_for, done_outside, for_finding, team_advice
from optimus_tui.tui.dashboard.reports import known_findings
from optimus_tui.tui.incidents.controller import IncidentController
from optimus_tui.tui.key_gate import takes_text
from optimus_tui.tui.services import REMEDY_COMMAND, CommandError, DashboardServices, Demo
from optimus_tui.wording.numbers import age, clause
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from optimus_tui.contract.findings import Finding
    from optimus_tui.contract.incident import IncidentState, KeptReceipt, Remedy, TeamAdvice, Truth
    from optimus_tui.contract.services import HealthReport
    from optimus_tui.incidents.service import IncidentService
    from optimus_tui.workflow.drill import Watch

RANDOM, STOP = "random", "stop"
TITLE = "Drill (no real incident)"
LONG_SECONDS = 3.0
"""From then on it is said that a switch or a remedy is still under way."""
WIDE = 110
"""Columns from which on the status line has room for a drill's next step."""


class Drill:
    """One drill, from its start to its end."""

    def __init__(self, scenario: str, says: str, truth: "Truth") -> None:
        self.names, self.truth = (scenario, says), truth
        self.left: Truth | None = None
        """The fault that was played before: the drill begins once it no longer shows."""
        self.watch: Watch | None = None
        """What is measured; None until the fault is in place."""
        self.incident: IncidentService | None = None
        """The incident that is kept meanwhile; None until one is open."""

    @property
    def incident_state(self) -> "IncidentState | None":
        """Return the state of the incident; None without one."""
        return self.incident.state if self.incident is not None else None


class DrillController:
    """Scenarios, drills and remedies of the demo. Every command of it is refused outside of the demo."""

    def __init__(self, dashboard: DashboardServices, incidents: IncidentController) -> None:
        self.dashboard, self.incidents = dashboard, incidents
        self.running: Drill | None = None
        self.under_way = ""
        """What is being done outside of the product now; empty if nothing is."""
        self._drilled = ""
        self._team: Sequence[TeamAdvice] = ()
        """What the demo's playbook advises; empty until its services answer."""
        self.expect_restart: Callable[[str], Callable[[], None]] = lambda _: lambda: None
        """Called when a service is restarted; its result is called once that took effect."""
        incidents.title = lambda: TITLE if self.running is not None else ""
        incidents.playbook = lambda: "demo" if self.dashboard.optimus.demo is not None else "default"
        incidents.header = self.clock_text
        incidents.acted_alone = self.note_action
        incidents.actions.outside = self

    # -- commands

    def scenarios(self) -> list[str]:
        """Return the names that ``:scenario`` takes; empty outside of the demo."""
        if (demo := self.dashboard.optimus.demo) is None:
            return []
        return list(demo.scenarios)

    def switch_scenario(self, name: str) -> None:
        """Switch the demo to another scenario (``:scenario``).

        Raises:
            CommandError: There is no such scenario, or a drill is running.
        """
        demo = self._demo()
        if self.running is not None:
            raise CommandError("a drill is running: :remedy repairs something, :drill stop ends the drill")
        if name not in self.scenarios():
            raise CommandError(f"no scenario {name!r}; there are {', '.join(self.scenarios())}")
        self.dashboard.run_in_background("scenario", self._switch_scenario, demo, name)

    async def _switch_scenario(self, demo: Demo, name: str) -> None:
        await demo.switch(name)
        self.dashboard.say(demo.note or f"scenario {name}")

    def names(self) -> list[str]:
        """Return the arguments that ``:drill`` takes; empty outside of the demo."""
        if (demo := self.dashboard.optimus.demo) is None:
            return []
        return [RANDOM, *demo.drills, STOP]

    def start_or_stop(self, text: str = "") -> None:
        """Start a drill (``:drill [scenario]``), or end it and show its result (``:drill stop``).

        Args:
            text: A scenario, ``random`` or ``stop``; empty means ``random``.

        Raises:
            CommandError: It is not possible now, or there is no such drill.
        """
        demo = self._demo()
        if text == STOP:
            if self.running is None:
                raise CommandError("no drill is running: :drill begins one")
            self.dashboard.run_in_background("drill", self._end, demo, self.running, asks=True)
            return
        if self.running is not None:
            waits = clause(self._next_step()[0], " (", ")")
            raise CommandError(f"a drill is running{waits}: :drill stop ends it and shows what was wrong")
        if (text or RANDOM) not in self.names():
            raise CommandError(f"no drill {text!r}; there are {', '.join(self.names())}")
        if not demo.ready:
            raise CommandError("the demo is still starting: wait until the header names its scenario")
        self.start(demo, text or RANDOM)

    def remedies(self) -> list[str]:
        """Return the arguments that ``:remedy`` takes; empty outside of the demo."""
        if (demo := self.dashboard.optimus.demo) is None:
            return []
        return [remedy.name for remedy in demo.remedies]

    def ask_remedy(self, name: str = "") -> None:
        """Ask before a remedy outside of the product is carried out (``:remedy``); without a name, ask which one.

        Raises:
            CommandError: There is no such remedy.
        """
        demo = self._demo()
        if name and name not in self.remedies():
            raise CommandError(f"no remedy {name!r}; there are {', '.join(self.remedies())}")
        self.dashboard.run_in_background("remedy", self._ask_remedy, demo, name, asks=True)

    async def _ask_remedy(self, demo: Demo, name: str) -> None:
        from optimus_tui.tui.actions.remedies import AT_ONCE, undone_words
        from optimus_tui.tui.dialogs.base import PickDialog

        offered = [one for one in demo.remedies if name in ("", one.name)]
        now = known_findings(self.dashboard.health)
        rows = [(it.label, f"{REMEDY_COMMAND}{it.name}{clause(undone_words(it, None, now), '; ')}") for it in offered]
        about, finding = f"Enter does it. {AT_ONCE}", None
        if name:
            rows = [(one.label, f"{REMEDY_COMMAND}{one.name}") for one in offered]
            finding = await self._fault_of(name)
            about = await self._about(offered[0], finding)
        place = await self.dashboard.ask(PickDialog("Carry out a remedy outside", rows, about))
        if place is not None:
            await self._apply_remedy(demo, offered[place].name, finding)

    def _demo(self) -> Demo:
        if (demo := self.dashboard.optimus.demo) is None:
            raise CommandError("scenarios, drills and remedies work in the demo only: optimus-tui demo --drill")
        return demo

    # -- the demo's start, and what the status line says of it

    async def start_demo(self) -> None:
        """Start the demo if there is one, wait for its services, and start the requested drill."""
        if (demo := self.dashboard.optimus.demo) is None:
            return
        try:
            demo.start()
        except OSError as error:
            self.dashboard.say(f"the demo cannot start: {error.strerror}", "error")
            return
        while demo.starting:
            self.dashboard.draw_status()
            await asyncio.sleep(0.1)
        self._team = await asyncio.to_thread(team_advice)
        if demo.notice:
            self.dashboard.say(demo.notice, "warning")
        if demo.drill:
            self.start(demo, demo.drill)

    def status_note(self) -> "tuple[Sequence[str], bool] | None":
        """Return what the status line says about the demo, and whether it is urgent. None outside of the demo.

        The longest form comes first.
        """
        if (demo := self.dashboard.optimus.demo) is None:
            return None
        if not demo.ready:
            return (safe_text(demo.failed or demo.progress, 100),), True
        seconds = demo.under_way("switch")
        if self.running is None and seconds >= LONG_SECONDS:
            return (f"still switching: {age(seconds)}",), True
        drill, (whole, brief) = self.clock_text(), self._next_step()
        if not drill:
            return (demo.scenario,), False
        forms = [drill + clause(brief, " · "), drill]
        if self.dashboard.size.width >= WIDE:
            forms.insert(0, drill + clause(whole, " · "))
        return forms, True

    def _next_step(self) -> tuple[str, str]:
        """Return what to do next in the running drill, by what the incident has recorded, in full and as its key."""
        if self.running is None or self.running.watch is None:
            return "", ""
        from optimus_tui.workflow.drill import next_step_forms

        mono = self.dashboard.context.clock.mono()
        return next_step_forms(self.running.watch, self.running.incident_state, mono)

    # -- a drill

    def start(self, demo: Demo, name: str) -> None:
        """Start a drill of a scenario, or of a ``random`` one; the demo may still be starting."""
        self.dashboard.run_in_background("drill", self._run, demo, name, asks=True)

    async def _run(self, demo: Demo, name: str) -> None:
        from optimus_tui.workflow.drill import Watch, is_over

        pick, clock = random.SystemRandom(), self.dashboard.context.clock
        tuning = self.dashboard.context.tuning
        scenario, played = name, demo.scenario
        if name == RANDOM:  # the fault that was just played would be no surprise
            scenario = pick.choice([one for one in demo.drills if one not in (played, self._drilled)])
        self._drilled = scenario
        drill = self.running = Drill(scenario, *demo.truth(scenario))
        if played in demo.drills:
            drill.left = demo.truth(played)[1]
        if not self._is_calm(drill.left):
            self.dashboard.say(f"{played} still shows: the drill begins once that is over; :drill stop leaves it")
        self.dashboard.draw_status()
        while not demo.ready:  # noqa: ASYNC110 - the demo has no event to wait for
            await asyncio.sleep(tuning.drill_look_seconds)
        await demo.inject("quiet")
        await asyncio.sleep(pick.uniform(*tuning.drill_pause_seconds))
        while not (self._is_calm(drill.truth) and self._is_calm(drill.left)):  # noqa: ASYNC110 - no leftover counts
            await asyncio.sleep(tuning.drill_look_seconds)
        # What shows the fault counts from now on: on a busy machine an alarm comes before the demo's reply.
        drill.watch = Watch(injected=clock.mono(), hold_seconds=tuning.drill_hold_seconds)
        injected = await demo.inject(scenario)
        if not injected.done:
            self.dashboard.say(f"the drill could not begin: {injected.note}; :drill tries again", "error")
            await demo.inject("quiet")  # the fault may still come, if late
            self.running = None
            self.dashboard.draw_status()
            return
        drill.watch = replace(drill.watch, injected=injected.at)
        self.dashboard.draw_status()
        while self.is_asked() or not is_over(drill.watch, drill.incident_state, clock.mono()):
            await self._mark_incident(drill)
            self._follow(drill)
            await asyncio.sleep(tuning.drill_look_seconds)
        await self._end(demo, drill)

    def _follow(self, drill: Drill) -> None:
        """Note in the drill what its incident has recorded, or what is proved of what was done without one."""
        from optimus_tui.workflow.drill import follow, follow_alone

        if drill.watch is None:
            return
        if drill.incident is not None:
            drill.watch = follow(drill.watch, drill.truth, drill.incident.state)
        records, awaited = self.incidents.done_alone()
        if records:
            drill.watch = follow_alone(drill.watch, drill.truth, records, awaited)

    def is_asked(self) -> bool:
        """Return True while a dialog is open or text is typed, because the result must not open above that."""
        app = self.dashboard.app
        return isinstance(app.screen, ModalScreen) or takes_text(app.focused)

    def _is_calm(self, truth: "Truth | None") -> bool:
        from optimus_tui.workflow.drill import shows

        health = self.dashboard.health
        return truth is None or (health is not None and not any(shows(truth, one) for one in health.findings))

    def watch_report(self, report: "HealthReport") -> None:
        """Note in the running drill whether a report shows its fault.

        Figures from before a proved remedy do not count.
        """
        if self.running is not None and self.running.watch is not None:
            from optimus_tui.workflow.drill import look

            mono = self.dashboard.context.clock.mono()
            now = [one for one in report.findings if not self.incidents.why_quiet(one)]
            self.running.watch = look(self.running.watch, self.running.truth, now, mono)

    async def _mark_incident(self, drill: Drill) -> None:
        """Note in the incident that is kept meanwhile that it is one of a drill."""
        service = self.incidents.service
        if service is None and drill.incident is not None and drill.incident.state.status == "open":
            drill.incident = None  # it was removed, as opened by mistake
        if service is None or service is drill.incident or service.state.status != "open":
            return
        from optimus_tui.incidents.drill import NOT_REAL

        drill.incident = service
        await self._note(drill, NOT_REAL)

    async def _note(self, drill: Drill, text: str) -> None:
        from optimus_tui.incidents.errors import IncidentError

        if drill.incident is None:
            return
        try:
            await drill.incident.note(text)
        except IncidentError as error:
            self.dashboard.say(str(error), "warning")

    async def _end(self, demo: Demo, drill: Drill) -> None:
        await asyncio.to_thread(_load)
        from optimus_tui.incidents.drill import summary
        from optimus_tui.tui.drill_result import DrillScreen
        from optimus_tui.workflow.drill import ended_words, judge

        self.running, stopped = None, self.dashboard.context.clock.mono()
        healed = await demo.inject("quiet")
        if not healed.done:
            self.dashboard.say("the demo could not end the fault: :scenario quiet tries again", "error")
        self.dashboard.draw_status()
        if drill.watch is None:
            self.dashboard.say("the drill ended before its fault was injected")
            return
        self._follow(drill)  # the incident may have been closed since the last look
        ended = ended_words(drill.watch, drill.incident_state, stopped)
        result = judge(drill.names, drill.truth, drill.watch, drill.incident_state, ended)
        await self._note(drill, summary(result))
        self.dashboard.open_screen(DrillScreen(result, self.dashboard.context.clock.wall()))

    # -- remedies

    async def fitting(self, finding: "Finding") -> "Sequence[Remedy]":
        """Return the demo's remedies that fit a finding by its rule and subject, as the demo's playbook names them.

        The running scenario is not used, so that a drill reveals nothing.
        """
        if (demo := self.dashboard.optimus.demo) is None:
            return []
        return for_finding(demo, finding, await asyncio.to_thread(team_advice))

    def known_for(self, finding: "Finding") -> "Sequence[Remedy]":
        """Return what ``fitting`` returns, but without reading a file; empty until the file has been read."""
        demo = self.dashboard.optimus.demo if self._team else None
        return [] if demo is None else for_finding(demo, finding, self._team)

    async def confirm(self, name: str, finding: "Finding | None" = None) -> None:
        """Ask whether to carry out a remedy for a finding, and start it if confirmed."""
        from optimus_tui.tui.dialogs.base import AskDialog

        demo = self._demo()
        remedy = next((one for one in demo.remedies if one.name == name), None)
        if remedy is None:
            return
        finding = finding or await self._fault_of(name)
        question = f"{await self._about(remedy, finding)}\nDo it?"
        if await self.dashboard.ask(AskDialog(remedy.label, question)):
            pressed = self.dashboard.optimus.key_at
            self.dashboard.run_in_background("remedy", self._apply_remedy, demo, name, finding, pressed)
        else:
            self.dashboard.say(f"{remedy.label}: not done")

    async def _about(self, remedy: "Remedy", finding: "Finding | None") -> str:
        from optimus_tui.tui.actions.remedies import remedy_words
        from optimus_tui.tui.dashboard.evidence import BESIDE, figures_beside

        advice = {} if finding is None else advice_for(finding, await asyncio.to_thread(team_advice))
        command, known = f"{REMEDY_COMMAND}{remedy.name}", known_findings(self.dashboard.health)
        beside = clause(figures_beside(self.dashboard, finding), BESIDE)
        return f"{remedy_words(remedy, finding, advice.get(command), known)}{beside}"

    async def _apply_remedy(
        self, demo: Demo, name: str, finding: "Finding | None" = None, pressed: float | None = None
    ) -> None:
        pressed = self.dashboard.context.clock.mono() if pressed is None else pressed
        remedy = next(one for one in demo.remedies if one.name == name)
        self.under_way = remedy.label
        self.dashboard.say(f"{remedy.label}: under way …")  # before anything else: a key is answered at once
        self.dashboard.draw_status()
        try:
            await self._carry_out(demo, remedy, finding or await self._fault_of(name), pressed)
        finally:
            self.under_way = ""

    async def _carry_out(self, demo: Demo, remedy: "Remedy", finding: "Finding | None", pressed: float) -> None:
        from optimus_tui.storage.private_file import user_name

        name, label, log = remedy.name, remedy.label, self.dashboard.context.log
        took_effect = self.expect_restart(remedy.restarts) if remedy.restarts else None
        order = log.ordered(f"{REMEDY_COMMAND}{name}".split(), f"{label}, asked for by {user_name()}")
        done = await demo.remedy(name)
        order.answer(None if done.done else done.note)
        self.dashboard.say(done.note, "information" if done.done else "error")
        if not done.done:
            return
        if took_effect is not None:
            took_effect()
        self._note_done(pressed, label)
        receipt = done_outside(remedy, self.dashboard.context.clock, pressed, done.at)
        await self.incidents.record_remedy(receipt.action_id, receipt, finding)

    def _note_done(self, mono: float, words: str) -> None:
        """Note in the running drill what was done, with the moment in which it took effect."""
        if self.running is not None and self.running.watch is not None:
            watch = self.running.watch
            self.running.watch = replace(watch, remedies=(*watch.remedies, (mono, words)))

    def note_action(self, done: "KeptReceipt") -> None:
        """Record an action that was carried out without an incident in the running drill."""
        clock = self.dashboard.context.clock
        since = 0.0 if done.ended is None else max(0.0, clock.wall() - done.ended)
        self._note_done(clock.mono() - since, done.words)

    async def _fault_of(self, name: str) -> "Finding | None":
        """Return the worst finding that a remedy is for, a light one where none is an alarm; None without one."""
        from optimus_tui.contract.findings import worst_first

        team = await asyncio.to_thread(team_advice)
        found = [*self.incidents.alarming(), *worst_first(known_findings(self.dashboard.health))]
        return next((one for one in found if f"{REMEDY_COMMAND}{name}" in advice_for(one, team)), None)

    def clock_text(self) -> str:
        """Return the running drill's clock for headers; empty if no drill runs."""
        if self.running is None:
            return ""
        if self.running.watch is None:
            return "drill: any moment" if self._is_calm(self.running.left) else "drill: waits for quiet"
        from optimus_tui.incidents.drill import stopwatch
        from optimus_tui.workflow.drill import waits_for

        demo, watch, mono = self.dashboard.optimus.demo, self.running.watch, self.dashboard.context.clock.mono()
        remedy = ""
        if demo is not None and (seconds := demo.under_way("remedy")) >= LONG_SECONDS:
            remedy = f", remedy under way {age(seconds)}"
        waits = "" if self.dashboard.size.width >= WIDE else waits_for(watch, self.running.incident_state, mono)
        return f"drill{clause(waits, ': ') or f' {stopwatch(mono - watch.injected)}'}{remedy}"


def _load() -> None:
    """Import what shows the result. Runs in a thread, so that the screen goes on painting."""
    import optimus_tui.tui.drill_result
    import optimus_tui.workflow.drill  # noqa: F401
