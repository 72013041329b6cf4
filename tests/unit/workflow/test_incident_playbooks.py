"""Playbooks as data: ours are sound, a team adds its own, and every mistake is named by file and key."""

from pathlib import Path

import pytest

from optimus_tui.contract.incident import OpenFinding
from optimus_tui.contract.tools.common import Recommendation
from optimus_tui.demo.scenarios import SCENARIOS, Scenario
from optimus_tui.incidents.open import playbook, playbooks
from optimus_tui.workflow.recommendations import TEAM, PlaybookError, parse, resolve
from tests.unit.workflow.driver import Play, found, outcome

STEP = '[[steps]]\nid = "logs"\ntitle = "Look at the logs"\ncommand = "kubectl logs deploy/gateway"\n'


def test_our_own_playbooks_are_sound(tmp_path: Path) -> None:
    found, problems = playbooks(tmp_path)
    assert problems == ()
    assert {"default", "cache"} <= set(found)
    steps = [plan.id for plan in playbook("cache", tmp_path).steps]
    assert steps == [
        "health", "coherence", "identify", "performance", "cache-performance", "integration", "apply",
    ]  # fmt: skip


def test_a_team_adds_steps_and_commands_to_ours(tmp_path: Path) -> None:
    text = 'name = "team"\nextends = "default"\n' + STEP + 'after = "health"\n'
    text += '[[commands]]\nwhen = ["limits."]\naction = "Page the owner"\npriority = "high"\ncommand = "page"\n'
    (tmp_path / "team.toml").write_text(text, "utf-8")
    whole = playbook("team", tmp_path)
    assert [plan.id for plan in whole.steps][:3] == ["health", "logs", "identify"]
    assert (whole.steps[1].kind, whole.steps[1].command) == ("manual", "kubectl logs deploy/gateway")
    assert whole.team[0].action == "Page the owner"


def test_a_step_without_a_place_comes_before_the_last_one_and_one_with_our_id_replaces_ours(tmp_path: Path) -> None:
    own = (
        '[[steps]]\nid = "integration"\ntool = "test_ai_engine_integration"\narguments = {test_type = "performance"}\n'
    )
    (tmp_path / "t.toml").write_text('name = "t"\nextends = "default"\n' + STEP + own, "utf-8")
    steps = playbook("t", tmp_path).steps
    assert [plan.id for plan in steps] == ["health", "identify", "performance", "integration", "logs", "apply"]
    assert steps[3].arguments == {"test_type": "performance"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name = ", "not valid TOML"),
        ("", "name must be"),
        ('name = "../x"', "name must be"),
        ('name = "a"', "steps is missing"),
        ('name = "a"\nstep = 1', "step is unknown; did you mean steps?"),
        ('name = "a"\nsteps = 1', "steps must be a list"),
        ('name = "a"\nsteps = [1]', "steps[1] must be a table"),
        ('name = "a"\n[[steps]]\nid = "X"', "steps[1].id must be"),
        ('name = "a"\n[[steps]]\nid = "x"\ntol = "y"', "steps[1].tol is unknown; did you mean tool?"),
        ('name = "a"\n[[steps]]\nid = "x"\nkind = "tool"', "steps[1].tool is missing"),
        ('name = "a"\n[[steps]]\nid = "x"\nkind = "odd"', "steps[1].kind must be one of tool, manual, apply"),
        ('name = "a"\n[[steps]]\nid = "x"\nkind = "manual"\ntool = "t"', "is not allowed in a step of kind manual"),
        ('name = "a"\n[[steps]]\nid = "x"\ntool = "t"\nchoose_issue = true', "choose_issue belongs to"),
        ('name = "a"\n' + STEP + STEP, "steps[2].id 'logs' is used twice"),
        ('name = "a"\n[[steps]]\nid = "x"\ncommand = "a\\u001bb"', "cannot be shown"),
        ('name = "a"\n[[steps]]\nid = "x"\nfirst_when = ["limits"]', "must be a list of rules"),
        ('name = "a"\n[[commands]]\naction = "x"', "commands[1].when is missing"),
        ('name = "a"\n[[commands]]\nwhen = ["a.b"]\naction = "x"\npriority = "urgent"', "priority must be one of"),
        ('name = "a"\nsteps = [' + "[" * 5000 + "]" * 5000 + "]", "a.toml"),
    ],
)
def test_every_mistake_is_named_by_file_and_key(text: str, sentence: str) -> None:
    with pytest.raises(PlaybookError) as caught:
        parse(text, "a.toml")
    assert sentence in str(caught.value)
    assert "a.toml" in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('extends = "nowhere"\n' + STEP, "extends names 'nowhere'"),
        ('extends = "t"\n' + STEP, "extends names the playbook itself"),
        ('extends = "default"\n' + STEP + 'after = "nowhere"', "after names an unknown step 'nowhere'"),
        ('[[steps]]\nid = "x"\ntool = "drop_everything"', "step x: tool must be one of diagnose_gateway_health"),
        (
            '[[steps]]\nid = "x"\ntool = "analyze_performance_metrics"\narguments = {metric_type = "vibes"}',
            "step x: arguments:",
        ),
    ],
)
def test_tools_arguments_and_references_are_checked_when_it_is_read(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "t.toml").write_text('name = "t"\n' + text, "utf-8")
    with pytest.raises(PlaybookError) as caught:
        playbook("t", tmp_path)
    assert sentence in str(caught.value)
    assert "t.toml" in str(caught.value)


def test_a_ring_of_playbooks_is_found() -> None:
    ring = {name: parse(f'name = "{name}"\nextends = "{other}"\n' + STEP, name) for name, other in ("ab", "ba")}
    with pytest.raises(PlaybookError, match="leads back"):
        resolve("a", ring)


def test_a_teams_mistake_does_not_take_ours_away(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("name = 1", "utf-8")
    (tmp_path / "raw.toml").write_bytes(b"\xff\xfe")
    (tmp_path / "link.toml").symlink_to(tmp_path / "nowhere")
    found, problems = playbooks(tmp_path)
    assert "default" in found
    assert len(problems) == 3
    assert playbook("default", tmp_path).name == "default"
    with pytest.raises(PlaybookError, match=r"bad\.toml"):
        playbook("bad", tmp_path)


@pytest.mark.parametrize(
    ("rule", "subject", "advised"),
    [
        ("latency.p95", "engine", True),
        ("latency.now", "engine", True),
        ("services.engine", "engine", True),
        ("latency.p95", "gateway", False),
        ("latency.now", "redis", False),
        ("latency.p95", "route /api/chat", False),
        ("services.gateway", "gateway", False),
    ],
)
def test_a_command_is_for_its_rules_and_its_subjects(tmp_path: Path, rule: str, subject: str, advised: bool) -> None:
    play = Play(playbook("demo", tmp_path).steps, team=playbook("demo", tmp_path).team)
    play.run("health", outcome(found(rule, subject=subject)))
    commands = {one.command for one in play.state.advice}
    assert (":remedy restart-engine" in commands) is advised


@pytest.mark.parametrize(
    ("rule", "caused_by", "advised"),
    [
        ("cache.hit_rate", "cache.bulk", {":remedy stop-job"}),
        ("cache.hit_rate", "services.engine", set()),
        ("cache.hit_rate", "", set()),
        ("cache.bulk", "", {":remedy stop-job"}),
        ("breaker.open", "services.engine", {":remedy restart-engine"}),
        ("services.engine", "services.postgres", set()),
        ("limits.refused", "limits.immortal", set()),
        ("limits.refused", "limits.over", {":remedy block-client"}),
    ],
)
def test_a_command_ends_what_it_is_for_not_what_follows_from_something_else(
    tmp_path: Path, rule: str, caused_by: str, advised: set[str]
) -> None:
    play = Play(playbook("demo", tmp_path).steps, team=playbook("demo", tmp_path).team)
    play.run("health", outcome(found(rule, subject="engine", caused_by=caused_by)))
    assert {one.command for one in play.state.advice if one.source == TEAM} == advised


def test_subjects_are_names_and_a_tenant_is_one() -> None:
    text = 'name = "x"\n[[commands]]\nwhen = ["limits.over"]\naction = "Call acme"\nsubjects = ["acme"]\n'
    play = Play(team=parse(text, "x.toml").team)
    play.run("health", outcome(found("limits.over"), found("limits.over", subject="zed / chat")))
    (advice,) = [one for one in play.state.advice if one.action == "Call acme"]
    assert advice.evidence == ("limits.over of acme / chat",)
    with pytest.raises(PlaybookError, match="subjects must be a list of names"):
        parse(text.replace('["acme"]', "[7]"), "x.toml")


@pytest.mark.parametrize("scenario", [one for one in SCENARIOS.values() if one.remedy], ids=lambda one: one.name)
def test_the_remedy_of_each_scenario_is_recommended_on_top(tmp_path: Path, scenario: Scenario) -> None:
    demo = playbook("demo", tmp_path)
    for rule in scenario.truth.rules:
        subject = scenario.truth.subject or "x"
        if rule == "services.engine":
            subject = "engine"
        caused_by = "cache.bulk" if rule == "cache.hit_rate" else ""
        play = Play(demo.steps, team=demo.team)
        other = Recommendation(action="Read the log of the gateway", priority="high")
        play.run("health", outcome(found(rule, "high", subject, caused_by=caused_by), recommendations=(other,)))
        assert play.state.advice[0].command == f":remedy {scenario.remedy}", rule


def test_a_command_for_the_alarm_is_recommended_though_no_step_shows_it_any_more(tmp_path: Path) -> None:
    demo = playbook("demo", tmp_path)
    alarm = (OpenFinding(rule="events.flood", subject="coherence feed", since=1.0),)
    play = Play(demo.steps, team=demo.team, open_findings=alarm)
    play.run("health", outcome())
    assert [one.command for one in play.state.advice] == [":remedy stop-publisher"]
    assert play.state.advice[0].evidence == ("coherence feed: Too many coherence events",)


def test_without_a_team_the_catalogue_says_what_to_do_about_the_cause_only() -> None:
    play = Play()
    effect = found("cache.hit_rate", "high", "gateway", caused_by="events.flood")
    play.run("health", outcome(found("events.flood", "medium", "feed"), effect, found("feed.denied", "low", "feed")))
    (advice,) = play.state.advice
    assert advice.rules == ("events.flood",) and advice.action.startswith("See in the feed, by type and tenant")
