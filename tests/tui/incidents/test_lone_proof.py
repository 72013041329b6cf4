"""What is done without an incident is followed by the dashboard, as long as it is known what it was for."""

from types import SimpleNamespace
from typing import Any, cast

from msgspec.structs import replace

from optimus_tui.contract.findings import Finding
from optimus_tui.contract.incident import KeptReceipt
from optimus_tui.incidents.lone_proof import LoneProof
from optimus_tui.tui.incidents.controller import IncidentController
from optimus_tui.tui.incidents.lone_proof import GROUP

OVER = Finding(rule="limits.over", severity="high", subject="acme / chat", message="acme / chat has used up its limit")

BLOCKED = KeptReceipt(
    action_id=":remedy block-client", kind="remedy", tenant="", words="clients are blocked", ended=1_000.0, outside=True
)


def controller() -> tuple[IncidentController, list[tuple[str, tuple[Any, ...]]]]:
    """Return a controller without an incident, and what it has started in the background."""
    started: list[tuple[str, tuple[Any, ...]]] = []
    dashboard: Any = SimpleNamespace(
        health=None, run_in_background=lambda group, work, *more, **_: started.append((group, more))
    )
    nothing: Any = None
    return IncidentController(dashboard, nothing, nothing, lambda _: ""), started


async def test_a_remedy_is_followed_for_the_finding_that_it_was_for() -> None:
    incidents, started = controller()
    await incidents.record_remedy(":remedy block-client", BLOCKED, OVER)
    ((group, (_, receipt, finding, *_)),) = started
    assert group == f"{GROUP}-limits.over-acme / chat" and finding is OVER
    assert (receipt.outside, receipt.ended, receipt.words) == (True, 1_000.0, "clients are blocked")


async def test_a_remedy_that_was_for_nothing_known_is_not_followed() -> None:
    incidents, started = controller()
    await incidents.record_remedy(":remedy block-client", BLOCKED)
    assert started == []


async def test_an_action_is_followed_if_it_is_verified_and_cures_an_alarm_of_its_tenant() -> None:
    incidents, started = controller()
    alone: list[str] = []
    incidents.acted_alone = lambda done: alone.append(done.words)

    def receipt(**more: Any) -> Any:
        request = SimpleNamespace(incident="", tenant=b"acme", kind="reset_counters", window_seconds=None)
        fields = {"id": "a", "verified": True, "stopped": "", "cancelled": False, "counts": {}, "outcomes": (), **more}
        return SimpleNamespace(request=request, reason="", started_at=1_000.0, seconds=1.0, **fields)

    await incidents.record_action(receipt(verified=False), "", [OVER])
    assert alone == [], "what is not verified is not done"
    await incidents.record_action(receipt(), "", [])
    assert started == [] and len(alone) == 1 and alone[0].endswith(" for acme"), "a drill counts it"
    await incidents.record_action(receipt(), "", [OVER])
    assert [more[2] for _, more in started] == [OVER]


async def test_an_effect_of_what_something_was_done_for_tells_nothing_before_its_proof() -> None:
    incidents, _ = controller()
    effect = Finding(
        rule="limits.refused", severity="high", subject="acme", message="60 requests of acme were refused",
        caused_by=(OVER.rule, OVER.subject),
    )  # fmt: skip
    other = Finding(rule="services.engine", severity="high", subject="engine", message="engine does not answer")
    incidents.dashboard.health = SimpleNamespace(findings=(OVER, effect, other))  # type: ignore[assignment]
    assert [incidents.too_early(one) for one in (OVER, effect, other)] == ["", "", ""], "nothing was done"
    lone = incidents._lone()
    lone._watched["a"] = cast(
        LoneProof, SimpleNamespace(aim=(OVER.rule, OVER.subject), too_early=lambda: "too early: wait")
    )
    assert [incidents.too_early(one) for one in (OVER, effect, other)] == ["too early: wait", "too early: wait", ""]
    now = replace(OVER, rule="limits.immortal")
    assert incidents.too_early(now) == "too early: wait", "it is one alert, whichever of its rules holds now"


async def test_the_dashboard_says_how_far_the_proof_of_what_was_done_last_is() -> None:
    incidents, _ = controller()
    assert incidents.status_words()[0] == ""
    lone = incidents._lone()
    for name, words in (("a", "proof possible at 19:13:20"), ("b", "fixed 2 s after you acted"), ("c", "")):
        record = SimpleNamespace(receipt=SimpleNamespace(action_id=name))
        proof = SimpleNamespace(status=lambda words=words: (words, "b:success"), record=record)
        lone._watched[name] = cast(LoneProof, proof)
    assert incidents.status_words() == ("fixed 2 s after you acted", "b:success")
    assert [incidents.proof_of(name) for name in "abcd"] == [
        "proof possible at 19:13:20", "fixed 2 s after you acted", "", "",
    ], "the dialog of an action says it, too"  # fmt: skip
