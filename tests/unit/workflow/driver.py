"""Small incidents for tests: a playbook, outcomes, and a clock that counts on."""

from itertools import count
from typing import Any

from optimus_tui.assets import asset_dir
from optimus_tui.contract import incident as shapes
from optimus_tui.contract import incident_events as happened
from optimus_tui.contract.incident import IncidentState, KeptReceipt, Outcome, Stamp
from optimus_tui.contract.tools.common import Diagnostic, Recommendation
from optimus_tui.workflow.engine import reduce, refusal
from optimus_tui.workflow.ranking import worst
from optimus_tui.workflow.recommendations import parse

_TICKS = count(1)


def stamp(at: float | None = None, **more: Any) -> Stamp:
    moment = float(next(_TICKS)) if at is None else at
    return Stamp(1_795_000_000.0 + moment, moment, more.get("server"), more.get("boot", "b"))


def runbook() -> tuple[shapes.StepPlan, ...]:
    path = asset_dir("templates") / "playbooks" / "default.toml"
    return parse(path.read_text("utf-8"), "default.toml").steps


def found(rule: str, severity: str = "high", subject: str = "acme / chat", **more: Any) -> Diagnostic:
    message = more.pop("message", f"{rule} of {subject}")
    return Diagnostic(severity=severity, message=message, rule=rule, subject=subject, **more)


def outcome(*findings: Diagnostic, **more: Any) -> Outcome:
    fields = {"verdict": "critical" if findings else "healthy", "severity": worst(findings), "headline": "so", **more}
    return Outcome(findings=findings, **fields)


IMMORTAL = found("limits.immortal", "critical", message="acme / chat never resets")
REPAIR = Recommendation(
    action="Give 1 counter without TTL a TTL of 60 s", priority="critical",
    command="redis-cli -h localhost -p 6379 EXPIRE rate_limit:acme:chat 60 NX", rule="limits.immortal",
)  # fmt: skip


class Play:
    """Events one after the other; each must happen unless told otherwise."""

    def __init__(self, steps: tuple[shapes.StepPlan, ...] | None = None, **more: Any) -> None:
        self.state, self.events, self.effects = IncidentState(), [], ()  # type: ignore[var-annotated]
        self.open(steps or runbook(), **more)

    def tell(self, event: Any) -> tuple[Any, ...]:
        self.state, self.effects = reduce(self.state, event)  # type: ignore[assignment]
        assert refusal(self.effects) is None, refusal(self.effects)
        self.events.append(event)
        return self.effects

    def refused(self, event: Any) -> str:
        before = self.state
        state, effects = reduce(self.state, event)
        assert state is before
        reason = refusal(effects)
        assert reason
        return reason

    def open(self, steps: tuple[shapes.StepPlan, ...], **more: Any) -> None:
        fields = {"id": "1", "title": "t", "environment": "default", "system": "s", "operator": "ops", **more}
        self.tell(happened.Opened(at=stamp(), playbook="default", steps=steps, **fields))

    def run(self, step: str, result: Outcome) -> tuple[Any, ...]:
        self.tell(happened.StepStarted(at=stamp(), step=step))
        return self.tell(happened.StepFinished(at=stamp(), step=step, outcome=result))

    def choose(self, issue: str, tenant: str | None = None) -> None:
        self.tell(happened.IssueChosen(at=stamp(), issue=issue, tenant=tenant))

    def act(self, action: str = "a1", advice: str = "", **more: Any) -> tuple[Any, ...]:
        receipt = KeptReceipt(action_id=action, kind=more.pop("kind", "repair_counter"), tenant="acme", planned=1)
        return self.tell(happened.ActionDone(at=stamp(), receipt=receipt, advice=advice, **more))

    def check(self, step: str, result: Outcome | None, action: str = "a1") -> None:
        self.tell(happened.CheckFinished(at=stamp(), action_id=action, step=step, outcome=result))
