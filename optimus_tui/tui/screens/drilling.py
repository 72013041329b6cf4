"""The dashboard's hand on drills, in the demo only: a hidden fault, a clock, what is done outside, the result.

It measures nothing itself: the demo says when the fault was in place, the readings when it was shown and when it went,
the incident's timeline the rest. While a drill runs nothing here tells which fault it is.
"""

import asyncio
import random
from typing import TYPE_CHECKING

from textual import work

from optimus_tui.tui.screens.incidents import Incidents
from optimus_tui.tui.services import CommandError

if TYPE_CHECKING:
    from optimus_tui.contract.drill import Truth
    from optimus_tui.contract.health import HealthReport
    from optimus_tui.contract.incident import IncidentState
    from optimus_tui.incidents.service import IncidentService
    from optimus_tui.tui.services import Demo
    from optimus_tui.workflow.drill import Watch

RANDOM, STOP = "random", "stop"
TITLE = "Drill (no real incident)"


class Drill:
    """One drill from its order to its end. ``watch`` is None until the fault is in place."""

    def __init__(self, scenario: str, says: str, truth: "Truth") -> None:
        self.names, self.truth = (scenario, says), truth
        self.watch: Watch | None = None
        self.incident_service: IncidentService | None = None


class Drilling(Incidents):
    """``:drill``, ``:remedy``, and the clock."""

    drill: Drill | None = None
    PAUSE: tuple[float, float] = (4.0, 15.0)
    """Seconds before the fault comes, drawn anew each time."""
    LOOK_SECONDS = 0.5

    # -- commands --------------------------------------------------------------------------------------------------

    def drill_names(self) -> list[str]:
        """What ``:drill`` takes; nothing outside the demo."""
        demo = self.optimus.demo
        return [RANDOM, *demo.drills, STOP] if demo is not None else []

    def open_drill(self, text: str = "") -> None:
        """``:drill [scenario]`` begins one, ``:drill stop`` ends it and tells the truth."""
        demo = self._demo()
        if text == STOP:
            if self.drill is None:
                raise CommandError("no drill is running: :drill begins one")
            self._stop_drill()
            return
        if self.drill is not None:
            raise CommandError("a drill is running: :drill stop ends it and tells what was wrong")
        if (text or RANDOM) not in self.drill_names():
            raise CommandError(f"no drill {text!r}; there are {', '.join(self.drill_names())}")
        if not demo.ready:
            raise CommandError("the demo is still starting: wait until its name stands in the header")
        self._drill(demo, text or RANDOM)

    def remedies(self) -> list[str]:
        """What ``:remedy`` takes; nothing outside the demo."""
        demo = self.optimus.demo
        return [one.name for one in demo.remedies] if demo is not None else []

    def have_done(self, name: str = "") -> None:
        """``:remedy [name]``: have something done outside of the product, as an engineer would."""
        demo = self._demo()
        if name and name not in self.remedies():
            raise CommandError(f"no remedy {name!r}; there are {', '.join(self.remedies())}")
        self._have_done(demo, name)

    def scenarios(self) -> list[str]:
        """Names that ``:scenario`` takes; none outside the demo."""
        return list(self.optimus.demo.scenarios) if self.optimus.demo else []

    def switch_scenario(self, name: str) -> None:
        """Switch the demo; its header says which scenario runs."""
        if self.drill is not None:
            raise CommandError("a drill is running: :remedy has something done, :drill stop gives up")
        if name not in self.scenarios():
            raise CommandError(f"no scenario {name!r}; there are {', '.join(self.scenarios())}")
        self.run_in_background("scenario", self._switch_scenario, name)

    async def _switch_scenario(self, name: str) -> None:
        if self.optimus.demo is not None:
            await self.optimus.demo.switch(name)
            self.say(self.optimus.demo.note or f"scenario {name}")

    def _demo(self) -> "Demo":
        if self.optimus.demo is None:
            raise CommandError(
                "drills break things on purpose, so they are for the demo only: optimus-tui demo --drill"
            )
        return self.optimus.demo

    # -- a drill ---------------------------------------------------------------------------------------------------

    def begin_asked_drill(self, demo: "Demo") -> None:
        """The one that the command line asked for."""
        if demo.drill:
            self._drill(demo, demo.drill)

    @work(exclusive=True, group="drill", name="drill", exit_on_error=False)
    async def _drill(self, demo: "Demo", name: str) -> None:
        from optimus_tui.workflow.drill import Watch, follow, is_over

        pick = random.SystemRandom()
        chosen = pick.choice(list(demo.drills)) if name == RANDOM else name
        drill = self.drill = Drill(chosen, *demo.truth(chosen))
        self.draw_status()
        while not demo.ready:  # noqa: ASYNC110 - it has no event of ours
            await asyncio.sleep(self.LOOK_SECONDS)
        await demo.inject("quiet")
        await asyncio.sleep(pick.uniform(*self.PAUSE))
        while not self._is_calm(drill.truth):  # noqa: ASYNC110 - what an earlier fault left behind must not count
            await asyncio.sleep(self.LOOK_SECONDS)
        injected = await demo.inject(chosen)
        if not injected.done:
            self.drill = None
            self.say(injected.note, "error")
            return
        drill.watch = Watch(injected=injected.at)
        self.draw_status()
        while not is_over(drill.watch, self._state_of(drill), self.context.clock.mono()):
            await self._take_up(drill)
            if drill.incident_service is not None:
                drill.watch = follow(drill.watch, drill.truth, drill.incident_service.state)
            await asyncio.sleep(self.LOOK_SECONDS)
        await self._end_drill(demo, drill, "solved")

    def _is_calm(self, truth: "Truth") -> bool:
        from optimus_tui.workflow.drill import shows

        return self.health is not None and not any(shows(truth, one) for one in self.health.findings)

    def see_drill(self, report: "HealthReport") -> None:
        """What the screen shows from now on."""
        if self.drill is not None and self.drill.watch is not None:
            from optimus_tui.workflow.drill import look

            mono = self.context.clock.mono()
            self.drill.watch = look(self.drill.watch, self.drill.truth, report.findings, mono)

    def _state_of(self, drill: Drill) -> "IncidentState | None":
        return drill.incident_service.state if drill.incident_service is not None else None

    async def _take_up(self, drill: Drill) -> None:
        """The incident that is kept meanwhile says that it is one of a drill."""
        incident_service = self.incident_service
        if (
            incident_service is None
            or incident_service is drill.incident_service
            or incident_service.state.status != "open"
        ):
            return
        drill.incident_service = incident_service
        from optimus_tui.incidents.drill import NOT_REAL

        await self._note(drill, NOT_REAL)

    async def _note(self, drill: Drill, text: str) -> None:
        from optimus_tui.incidents.errors import IncidentError

        if drill.incident_service is None:
            return
        try:
            await drill.incident_service.note(text)
        except IncidentError as error:
            self.say(str(error), "warning")

    @work(exclusive=True, group="drill", name="drill", exit_on_error=False)
    async def _stop_drill(self) -> None:
        if self.drill is not None and self.optimus.demo is not None:
            await self._end_drill(self.optimus.demo, self.drill, "given up")

    async def _end_drill(self, demo: "Demo", drill: Drill, ended: str) -> None:
        await asyncio.to_thread(_load)
        from optimus_tui.incidents.drill import summary
        from optimus_tui.tui.screens.drill import DrillScreen
        from optimus_tui.workflow.drill import judge

        self.drill = None
        await demo.inject("quiet")
        self.draw_status()
        if drill.watch is None:
            self.say("the drill ended before its fault was injected")
            return
        result = judge(drill.names, drill.truth, drill.watch, self._state_of(drill), ended)
        await self._note(drill, summary(result))
        self.app.push_screen(DrillScreen(result, self.context.clock.wall()))

    @work(exclusive=True, group="remedy", name="remedy", exit_on_error=False)
    async def _have_done(self, demo: "Demo", name: str) -> None:
        from optimus_tui.incidents.errors import IncidentError
        from optimus_tui.tui.modals.pick import PickDialog

        if not name:
            rows = [(one.label, f":remedy {one.name}") for one in demo.remedies]
            place = await self.app.push_screen_wait(PickDialog("Have done outside", rows, "It happens at once."))
            if place is None:
                return
            name = demo.remedies[place].name
        label = next(one.label for one in demo.remedies if one.name == name)
        done = await demo.remedy(name)
        self.say(done.note, "information" if done.done else "error")
        if not done.done:
            return
        if self.drill is not None and self.drill.watch is not None:
            from msgspec.structs import replace

            watch = self.drill.watch
            self.drill.watch = replace(watch, remedies=(*watch.remedies, (done.at, label)))
        if self.incident_service is not None and self.incident_service.state.status == "open":
            try:
                await self.incident_service.note(f"done outside: {label}. {done.note}")
                for one in self.incident_service.state.advice:
                    if one.status == "open" and one.command == f":remedy {name}":
                        await self.incident_service.mark(one.id, "done", done.note)
            except IncidentError as error:
                self.say(str(error), "warning")

    # -- what others show of it ------------------------------------------------------------------------------------

    def drill_words(self) -> str:
        """The clock; empty where no drill runs."""
        if self.drill is None:
            return ""
        if self.drill.watch is None:
            return "drill: any moment"
        from optimus_tui.incidents.drill import stopwatch

        return f"drill {stopwatch(self.context.clock.mono() - self.drill.watch.injected)}"

    def incident_title(self) -> str:
        return TITLE if self.drill is not None else super().incident_title()

    def playbook_name(self) -> str:
        return "demo" if self.optimus.demo is not None else super().playbook_name()


def _load() -> None:
    """Imported in a thread: the screen goes on painting."""
    import optimus_tui.tui.screens.drill
    import optimus_tui.workflow.drill  # noqa: F401
