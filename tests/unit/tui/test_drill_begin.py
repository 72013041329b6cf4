"""A drill draws another fault than the one just played, and begins once that one no longer shows."""

from types import SimpleNamespace
from typing import Any

from optimus_tui.clock import Clock
from optimus_tui.contract.findings import Finding
from optimus_tui.demo.scenarios import SCENARIOS
from optimus_tui.settings.tuning import Tuning
from optimus_tui.tui.drills import RANDOM, DrillController

DOWN = Finding(rule="services.engine", severity="high", subject="engine", message="engine is down")


async def test_a_drill_over_a_fault_waits_until_it_is_gone_and_draws_another_one() -> None:
    health, injected, said = SimpleNamespace(findings=(DOWN,)), list[str](), list[str]()
    dashboard: Any = SimpleNamespace(health=health, say=lambda text, *_: said.append(text), draw_status=lambda: None)
    dashboard.context = SimpleNamespace(
        clock=Clock(), tuning=Tuning(drill_pause_seconds=(0.0, 0.0), drill_look_seconds=0.0)
    )
    incidents: Any = SimpleNamespace(actions=SimpleNamespace())
    drills = DrillController(dashboard, incidents)

    async def inject(name: str) -> Any:
        injected.append(name)
        if name != "quiet":
            return SimpleNamespace(done=False, note="not today")
        if health.findings:
            assert drills.clock_text() == "drill: waits for quiet"
        health.findings = ()
        return None

    faults = [name for name in SCENARIOS if name != "quiet"]
    demo: Any = SimpleNamespace(
        ready=True, scenario="engine-down", drills=faults, inject=inject,
        truth=lambda name: (SCENARIOS[name].says, SCENARIOS[name].truth),
    )  # fmt: skip
    drawn = ""
    for _ in range(20):
        health.findings = (DOWN,)
        injected.clear()
        await drills._run(demo, RANDOM)
        quiet, fault, *_ = injected
        assert quiet == "quiet" and fault not in ("quiet", "engine-down", drawn)
        drawn = fault
        assert "engine-down still shows: the drill begins once that is over" in said[0]
