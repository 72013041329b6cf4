"""``a`` on a finding in the demo: the remedies that fit it, confirmed, and none that only the scenario would tell."""

import re
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from optimus_tui.clock import Clock
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.incident import Advice, Happened, Stamp
from optimus_tui.contract.keyspace import Counter, LimitRow
from optimus_tui.contract.services import HealthReport
from optimus_tui.demo.scenarios import REMEDIES
from optimus_tui.grammar.filter import parse_filter
from optimus_tui.probes.round_trips import CommandLog
from optimus_tui.settings.model import Settings
from optimus_tui.tui.actions.controller import ActionsController
from optimus_tui.tui.actions.offers import counter_offers
from optimus_tui.tui.actions.remedies import (
    FirstAct,
    FittingRemedy,
    act_words,
    acts_on,
    ask_which,
    first_act,
    row_remedies,
    sooner_act,
    undone_words,
    with_causes,
)
from optimus_tui.tui.actions.team_advice import team_advice
from optimus_tui.tui.command_log.lines import FIELDS, fields, pasted, runs_of
from optimus_tui.tui.dialogs.explain import finding_lines
from optimus_tui.tui.drills import DrillController
from optimus_tui.tui.incidents.opening import opening
from optimus_tui.tui.incidents.text import doable, remedy_of
from optimus_tui.wording.numbers import clock


def found(rule: str, subject: str) -> Finding:
    return Finding(rule=rule, severity="critical", subject=subject, message="wrong", remedy="Start the engine.")


class Screen:
    """A dashboard that gives these answers to dialogs, and notes what was said and started."""

    def __init__(self, *answers: Any, demo: bool = True) -> None:
        self.answers, self.said, self.started, self.titles = list(answers), list[str](), list[Any](), list[str]()
        self.health: Any = None
        self.readings: dict[str, Any] = {}
        self.settings = Settings()
        self.proved = ""
        self.early = ""
        self.incidents = SimpleNamespace(why_quiet=lambda _: self.proved, too_early=lambda _: self.early)
        self.rows, self.questions, self.context = (
            list[Any](),
            list[str](),
            SimpleNamespace(log=CommandLog(), clock=Clock()),
        )
        self.optimus = SimpleNamespace(demo=SimpleNamespace(remedies=REMEDIES, scenario="engine-down"), key_at=5.0)
        if not demo:
            self.optimus.demo = None

    def pane(self, name: str) -> Any:
        return SimpleNamespace(reading=self.readings.get(name))

    async def ask(self, dialog: Any) -> Any:
        self.titles.append(dialog.dialog_title)
        self.questions.append(getattr(dialog, "question", ""))
        self.rows.append(getattr(dialog, "choices", []))
        return self.answers.pop(0)

    def say(self, sentence: str, *_: Any) -> None:
        self.said.append(sentence)

    def draw_status(self) -> None:
        pass

    def run_in_background(self, group: str, _work: Any, *arguments: Any) -> None:
        self.started.append((group, *arguments[1:]))


def controllers(screen: Screen) -> tuple[ActionsController, DrillController]:
    actions = ActionsController(screen)  # type: ignore[arg-type]
    return actions, DrillController(screen, SimpleNamespace(actions=actions))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rule", "subject", "names"),
    [
        ("services.engine", "engine", ["restart-engine"]),
        ("latency.now", "engine", ["restart-engine"]),
        ("breaker.open", "engine", ["restart-engine"]),
        ("latency.now", "postgres", []),
        ("limits.over", "demo_dentist / chat", ["block-client"]),
        ("events.flood", "events", ["stop-publisher"]),
        ("errors.rate", "gateway", []),
    ],
)
async def test_a_finding_has_the_remedies_of_its_rule_and_subject_whatever_scenario_runs(
    rule: str, subject: str, names: list[str]
) -> None:
    _, drills = controllers(Screen())
    assert [one.name for one in await drills.fitting(found(rule, subject))] == names


async def test_a_single_remedy_is_asked_about_at_once_confirmed_and_started() -> None:
    screen = Screen(True)
    finding = found("services.engine", "engine")
    await controllers(screen)[0]._choose_for(finding)
    assert screen.titles == ["Restart the AI engine"], "a menu of one line asks nothing"
    assert (screen.started, screen.said) == ([("remedy", "restart-engine", finding, 5.0)], [])


@pytest.mark.parametrize(("measured", "told"), [("no answer", "does not answer now"), ("unhealthy", "then fail. Side")])
async def test_a_restart_warns_of_what_it_costs_now(measured: str, told: str) -> None:
    screen = Screen(False)
    await controllers(screen)[0]._choose_for(replace(found("services.engine", "engine"), measured=measured))
    asked = screen.questions[-1]
    assert told in asked, asked
    assert ("a write that got no answer drops cached answers" in asked) == (measured != "no answer")


def test_a_restart_costs_no_request_where_another_finding_says_that_nothing_answers() -> None:
    remedy = next(one for one in REMEDIES if one.name == "restart-engine")
    down = replace(found("services.engine", "engine"), measured="no answer")
    for finding in (None, found("services.flapping", "engine")):
        assert "then fail" in undone_words(remedy, finding)
        assert "then fail" not in undone_words(remedy, finding, [down])


async def test_the_question_says_what_is_done_to_what_why_and_how_it_is_undone() -> None:
    screen = Screen(False)
    await controllers(screen)[0]._choose_for(found("services.engine", "engine"))
    asked = screen.questions[-1]
    for part in ("For: wrong", "The engine keeps no data", "cannot be undone", "stays read-only", "Do it?"):
        assert part in asked, asked
    assert len(asked.split("\n")) <= 5 and "What:" not in asked, "it is read in a hurry"
    screen.answers = [False]
    await controllers(screen)[0]._choose_for(found("limits.over", "demo_dentist / chat"))
    assert "Not measured here: which client sends so much (see the gateway's access log)." in screen.questions[-1]
    assert "Clients of demo_dentist that send again without a pause are refused until the demo " in screen.questions[-1]


@pytest.mark.parametrize(("works", "outcome"), [(True, "ok"), (False, "no engine there")])
async def test_what_is_done_outside_is_said_at_once_and_stands_in_the_command_log(works: bool, outcome: str) -> None:
    screen, saw = Screen(), list[Any]()

    async def remedy(name: str) -> Happened:
        saw.append((name, list(screen.said)))
        return Happened(works, "restarted" if works else outcome, screen.context.clock.mono())

    async def recorded(*arguments: Any) -> None:
        saw.append(arguments[0])

    demo = screen.optimus.demo = SimpleNamespace(remedies=REMEDIES, remedy=remedy)
    _, drills = controllers(screen)
    incidents: Any = drills.incidents
    incidents.alarming, incidents.record_remedy = list, recorded
    await drills._apply_remedy(demo, "restart-engine")
    assert saw[0] == ("restart-engine", ["Restart the AI engine: under way …"])
    ((trip,), _) = screen.context.log.since()
    (line,) = runs_of(trip)
    told = fields(line)
    assert (told["kind"], told["outcome"], line.label.startswith("Restart the AI engine, asked for by ")) == (
        "outside", outcome, True,
    )  # fmt: skip
    assert all(parse_filter(words, FIELDS).matches(told) for words in ("remedy", "outside", "restart-engine"))
    assert "not copied" in pasted(next(line.commands()), SimpleNamespace())  # type: ignore[arg-type]


async def test_a_remedy_is_for_a_light_finding_where_none_is_an_alarm() -> None:
    screen = Screen()
    drills = controllers(screen)[1]
    incidents: Any = drills.incidents
    incidents.alarming = list
    assert await drills._fault_of("restart-engine") is None
    light = replace(found("latency.look", "engine"), severity="low")
    screen.health = HealthReport(findings=(light,))
    assert await drills._fault_of("restart-engine") == light


async def test_a_remedy_that_is_not_confirmed_is_not_started() -> None:
    screen = Screen(False)
    await controllers(screen)[0]._choose_for(found("services.engine", "engine"))
    assert (screen.started, screen.said) == ([], ["Restart the AI engine: not done"]), "each answer is answered"


async def test_what_is_under_way_or_proved_is_not_offered_again() -> None:
    screen = Screen()
    actions, drills = controllers(screen)
    drills.under_way = "Restart the AI engine"
    await actions._choose_for(found("services.engine", "engine"))
    drills.under_way, screen.proved = "", "proved fixed at 10:35:30"
    await actions._choose_for(found("services.engine", "engine"))
    assert screen.said == [
        "Restart the AI engine: under way; whether it helped is checked automatically",
        "nothing has to be done about this: proved fixed at 10:35:30",
    ]
    assert screen.titles == []


async def test_row_explanation_and_incident_name_one_remedy_and_none_is_offered_again_before_its_proof() -> None:
    screen, engine = Screen(), found("latency.now", "engine")
    route = replace(found("latency.p95", "route /a"), caused_by=("latency.now", "engine"))
    other = found("latency.now", "postgres")
    screen.health = HealthReport(findings=(engine, route, other))
    _, drills = controllers(screen)
    await drills.fitting(engine)
    drills._team = team_advice()

    def rows() -> list[tuple[str, str]]:
        return [(one.words, one.kind) for one in row_remedies(screen, drills).values()]  # type: ignore[arg-type]

    act = act_words(screen, drills, engine)  # type: ignore[arg-type]
    assert rows() == [(act, "offered")] * 2 + [("Start the engine.", "explained")]
    told = " ".join(str(line) for line in finding_lines(engine, 200, first_act=act))
    assert "remedy     Restart the AI engine (a) or         Start the engine." in told
    asked = opening([engine], "demo", [], first_act=lambda one: first_act(screen, drills, one))  # type: ignore[arg-type]
    assert "Remedy: Restart the AI engine (a does it" in asked
    drills.under_way = act
    assert rows()[:2] == [(act, "under way")] * 2
    screen.early = "too early: proof possible at 19:13"
    assert {kind for _, kind in rows()} == {"done"}
    screen.proved = "fixed at 19:14, being watched"
    assert rows() == []


WINDOW_ENDS = 1_795_000_055.0
REPAIRED = f"repaired; refused until {clock(WINDOW_ENDS)} (its window)"


def full_counter(*, immortal: bool) -> LimitRow:
    counter = Counter(key=b"rate_limit:clinic_b:chat", tenant=b"clinic_b", operation=b"chat", count=155,
                      ttl_ms=None, immortal=immortal, taken_mono=100.0)  # fmt: skip
    state: Any = "immortal" if immortal else "over"
    ends = None if immortal else 155.0
    return LimitRow(counter=counter, state=state, limit=150, refused_in=0.0, resets_mono=ends, window_seconds=60.0)


async def test_of_a_repaired_counter_that_still_refuses_only_what_serves_it_at_once_is_offered() -> None:
    screen = Screen(0, None)
    screen.settings = replace(Settings(), writable=True)
    screen.proved = REPAIRED
    screen.readings["limits"] = SimpleNamespace(value=SimpleNamespace(rows=[full_counter(immortal=False)]))
    finding = found("limits.over", "clinic_b / chat")
    actions, drills = controllers(screen)
    await drills.fitting(finding)
    assert sooner_act(screen, finding) == "Reset chat of clinic_b"  # type: ignore[arg-type]
    picked: list[Any] = []

    async def pick(offers: Any, remark: str = "") -> bool:
        picked.append(([one.name for one in offers], remark))
        return False

    actions._pick = pick  # type: ignore[method-assign]
    await actions._choose_for(finding)
    told = (
        f" Nothing has to be done: {REPAIRED}.\nBeside it: chat 155 of 150: requests of clinic_b in its present windows"
    )
    assert picked == [(["Reset chat of clinic_b", "Reset all counters of clinic_b"], told)], (
        "no client is to be blocked for what a fault has filled"
    )
    assert first_act(screen, drills, finding) is None, "no cure, as nothing is ill"  # type: ignore[arg-type]
    told = " ".join(str(line) for line in finding_lines(finding, 200, first_act="Reset chat", proved=REPAIRED))
    assert f"nothing has to be done: {REPAIRED} key a      Reset chat" in told and "Start the engine" not in told


def test_each_action_on_a_counter_says_what_it_means_for_users_now_and_when_refusals_end() -> None:
    now = Stamp(wall=WINDOW_ENDS - 55.0, mono=100.0)
    assert [(one.name, one.about) for one in counter_offers(full_counter(immortal=True), now)] == [
        ("Reset chat of clinic_b", "it starts again at 0: served at once"),
        (
            "Repair chat of clinic_b",
            f"sets a TTL; the count stays: refused until {clock(WINDOW_ENDS + 5)} if done now",
        ),
        ("Reset all counters of clinic_b", "every operation starts again at 0: served at once"),
    ], "what ends the refusals stands first"
    used_up = counter_offers(full_counter(immortal=False), now)
    assert used_up[0].about == f"it starts again at 0: served at once (else refused until {clock(WINDOW_ENDS)})"
    low = replace(full_counter(immortal=True), refused_in=None)
    assert [one.request.kind for one in counter_offers(low, now)] == [
        "repair_counter", "reset_counters", "reset_counters",
    ], "nobody is refused: the count stays"  # fmt: skip
    assert counter_offers(low, now)[0].about.endswith("the count stays, and refuses nobody now")


async def test_outside_of_the_demo_it_says_what_to_do() -> None:
    screen = Screen(demo=False)
    await controllers(screen)[0]._choose_for(found("services.engine", "engine"))
    assert screen.said == ["no built-in action fixes this. To do: Start the engine. (i opens an incident)"]


async def test_an_effect_leads_to_the_remedy_of_its_cause_which_is_named() -> None:
    engine = found("services.engine", "engine")
    failing = replace(found("errors.rate", "gateway"), caused_by=("services.engine", "engine"), message="20 % failed")
    screen = Screen(True)
    screen.health = HealthReport(findings=(engine, failing))
    await controllers(screen)[0]._choose_for(replace(failing, caused_by=None))  # another pane knows no cause
    assert screen.questions[0].startswith("For: wrong"), "the cause's sentence, not that of the effect"
    assert screen.started == [("remedy", "restart-engine", engine, 5.0)]


async def test_causes_that_name_each_other_are_looked_at_once() -> None:
    one = replace(found("errors.rate", "gateway"), caused_by=("breaker.open", "x"))
    other = replace(found("breaker.open", "x"), caused_by=("errors.rate", "gateway"))
    assert with_causes(one, [one, other]) == [one, other]


async def test_a_finding_that_needs_nothing_says_that_and_names_the_worst() -> None:
    screen = Screen()
    started = replace(found("latency.cold_start", "gateway"), severity="low")
    worst = replace(found("limits.immortal", "a / chat"), message="chat of a never resets")
    await controllers(screen)[0]._choose_for(started)
    screen.health = HealthReport(findings=(worst, started))
    await controllers(screen)[0]._choose_for(started)
    assert screen.said == [
        "nothing has to be done about this",
        "nothing has to be done about this. The worst is: chat of a never resets (i opens an incident on it)",
    ]


async def test_first_signs_are_not_acted_on_before_they_are_judged() -> None:
    screen = Screen(True)
    engine = found("services.engine", "engine")
    signs = replace(engine, severity="low", first_signs="judged at 19:14:00")
    screen.health = HealthReport(findings=(signs,))
    await controllers(screen)[0]._choose_for(signs)
    assert screen.said == [
        "these are first signs, judged at 19:14:00: an action is offered then; i opens an incident now"
    ]
    screen.health = HealthReport(findings=(engine,))
    await controllers(screen)[0]._choose_for(engine)
    assert screen.started == [("remedy", "restart-engine", engine, 5.0)]


def test_a_recommended_remedy_can_be_carried_out_in_the_demo_only() -> None:
    advice = Advice(id="1", action="Restart", priority="high", command=":remedy restart-engine")
    assert (remedy_of(advice), doable([advice], in_demo=True), doable([advice])) == ("restart-engine", [advice], [])


@pytest.mark.parametrize("writable", [True, False])
async def test_what_can_be_done_about_a_finding_is_known_before_its_toast(writable: bool) -> None:
    screen = Screen()
    screen.settings = Settings(writable=writable)
    actions, drills = controllers(screen)
    engine, over = found("services.engine", "engine"), found("limits.over", "acme / chat")
    failing = replace(found("errors.rate", "gateway"), caused_by=("services.engine", "engine"))
    screen.health = HealthReport(findings=(engine, failing))

    def act(*findings: Finding) -> list[bool]:
        return [acts_on(screen, actions.outside, one) for one in findings]  # type: ignore[arg-type]

    assert act(engine, failing) == [False, False], "the playbook was not read yet"
    demo: Any = screen.optimus.demo
    demo.start, demo.starting, demo.notice, demo.drill = lambda: None, False, "", ""
    await drills.start_demo()
    assert act(engine, failing, found("errors.rate", "route /x"), over) == [True, True, False, True]
    assert [first_act(screen, actions.outside, one) for one in (engine, failing)] == [  # type: ignore[arg-type]
        FirstAct("Restart the AI engine", False), FirstAct("Restart the AI engine", True),
    ]  # fmt: skip
    signs = replace(engine, severity="low", first_signs="judged at 19:14:00")
    assert first_act(screen, actions.outside, signs) is None, "it is not judged yet"  # type: ignore[arg-type]
    actions.outside = None
    screen.readings = {"limits": SimpleNamespace(value=SimpleNamespace(rows=[counter_row(b"acme")]))}
    assert act(engine, over) == [False, writable]


def counter_row(tenant: bytes) -> LimitRow:
    counter = Counter(key=b"rate_limit:" + tenant + b":chat", tenant=tenant, operation=b"chat", count=9, ttl_ms=1)
    return LimitRow(counter=counter, state="over")


@pytest.mark.parametrize(("tenant", "offered"), [(b"acme", ["Block clients that repeat their requests"]), (b"b", [])])
async def test_a_row_that_a_finding_is_about_offers_what_the_finding_offers(tenant: bytes, offered: list[str]) -> None:
    screen = Screen(None)
    screen.settings = Settings(writable=True)
    over, row = found("limits.over", "acme / chat"), counter_row(tenant)
    screen.readings = {"limits": SimpleNamespace(value=SimpleNamespace(findings=(over,), rows=[row]))}
    actions, _ = controllers(screen)
    picked = list[list[str]]()

    async def pick(offers: Any, _: str = "") -> bool:
        picked.append([one.name for one in offers])
        return False

    actions._pick = pick  # type: ignore[method-assign, assignment]
    await actions._choose_for(row)
    shown = [name for rows in screen.rows for name, _ in rows]
    assert [name for name in shown if name != "Change its keys in Redis"] == offered
    assert bool(picked) is not bool(offered), "without a remedy its own actions are offered at once"


async def test_the_dialog_that_asks_which_says_of_when_its_figures_are_and_what_stands_beside_them() -> None:
    screen, asked = Screen(None), list[Any]()
    remedies = [FittingRemedy(one, found("services.engine", "engine")) for one in REMEDIES[:2]]

    async def ask(dialog: Any) -> None:
        asked.append(dialog.about)

    screen.ask = ask  # type: ignore[method-assign]
    await ask_which(screen, [[remedies[0].finding]], remedies, True, "chat 9 of 5")  # type: ignore[arg-type]
    (about,) = asked
    assert re.fullmatch(r"wrong, as of \d\d:\d\d:\d\d UTC\nBeside it: chat 9 of 5", about), about
