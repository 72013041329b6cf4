"""The post-mortem: what it says, that it invents nothing, and that hostile text in it stays text."""

import math
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest

from optimus_tui.contract import incident as shapes
from optimus_tui.contract import incident_events as happened
from optimus_tui.contract.incident import Figure, IncidentState
from optimus_tui.contract.tools.common import Recommendation
from optimus_tui.history.timeline import Timeline, new_timeline
from optimus_tui.incidents.open import playbook
from optimus_tui.incidents.postmortem import escaped, fenced, render, story
from optimus_tui.wording.layout import CHART_HEIGHT, CHART_WIDTH, Moment, chart
from optimus_tui.wording.numbers import age, clock
from optimus_tui.workflow.standing import mtta
from tests.unit.workflow.driver import IMMORTAL, REPAIR, Play, found, outcome, stamp

HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=y> \" ' & | `` ``` ```` [l](javascript:x) ![i](http://h/i) "
    "{{ 7*7 }} {% raw %} @channel www.evil.com https://evil.com *b* _i_ \x1b]52;c;eA==\x07 \u202e # h\n# heading\n---"
)


class Page(HTMLParser):
    """Everything that could act: tags, attributes, and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def hostile_play() -> Play:
    play = Play(id="7", title=HOSTILE, environment="prod", operator=HOSTILE, began=1_794_999_000.0)
    bad = found("limits.immortal", "critical", HOSTILE, message=HOSTILE, measured=HOSTILE, threshold=HOSTILE)
    advice = Recommendation(action=HOSTILE, priority="high", command=f"redis-cli {HOSTILE}", reason=HOSTILE)
    figures = (Figure(name="latency.x", value=math.pi, unit=HOSTILE, label=HOSTILE),)
    result = outcome(
        bad, recommendations=(advice,), headline=HOSTILE, verdict=HOSTILE, figures=figures, unknown=(HOSTILE,)
    )
    play.run("health", result)
    play.tell(happened.NoteAdded(at=stamp(), text=HOSTILE, pane=HOSTILE, title=HOSTILE))
    play.tell(happened.StepSkipped(at=stamp(), step="identify", reason=HOSTILE))
    receipt = shapes.KeptReceipt(
        action_id=HOSTILE,
        kind=HOSTILE,
        tenant=HOSTILE,
        counts={HOSTILE: 1},
        reason=HOSTILE,
        audit=HOSTILE,
        words=HOSTILE,
    )
    play.tell(happened.ActionDone(at=stamp(), receipt=receipt, rules=("limits.immortal",)))
    play.tell(
        happened.CheckFinished(
            at=stamp(),
            action_id=HOSTILE,
            step="health",
            outcome=outcome(found("a.b", "critical", HOSTILE, message=HOSTILE)),
        )
    )
    play.tell(happened.Closed(at=stamp(), cause=HOSTILE, resolution=HOSTILE))
    return play


@pytest.fixture
def timeline(tmp_path: Path) -> Any:
    _, made = new_timeline(tmp_path, "me")
    yield made
    made.close()


def written(state: IncidentState, timeline: Timeline, form: Any) -> str:
    return render(state, timeline, stamp(), form)


def test_hostile_text_acts_nowhere_in_the_page(timeline: Timeline) -> None:
    timeline.notices = (HOSTILE,)
    text = written(hostile_play().state, timeline, "html")
    page = Page()
    page.feed(text)
    assert not {"script", "img", "a", "iframe", "link", "object", "form", "base"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on") or name in ("href", "src", "style")]
    assert "<script>alert(1)</script>" in page.text, "it is shown, as text"
    assert page.text.count("{{ 7*7 }}") == text.count("7*7"), "nothing was computed"
    assert "default-src 'none'" in text
    assert all(char.isprintable() or char == "\n" for char in text)
    assert "\u202e" not in text and "\x1b" not in text


def test_hostile_text_is_no_markup_in_markdown(timeline: Timeline) -> None:
    text = written(hostile_play().state, timeline, "md")
    fences = re.findall(r"^(`{3,})\n.*?\n\1$", text, re.MULTILINE | re.DOTALL)
    assert fences
    prose = re.sub(r"^(`{3,})\n.*?\n\1$", "", text, flags=re.MULTILINE | re.DOTALL)
    for markup in (
        "<script",
        "<img",
        "@channel",
        "www.evil",
        "https://",
        "\x1b",
        "\u202e",
        "*b*",
    ):
        assert markup not in prose, markup
    assert not re.search(r"(?<!\\)[\[\]]", prose), "no bracket of theirs begins a link"
    ours = {"# Post-mortem", "## Summary", "## Impact", "## Timeline", "## Evidence", "## Actions",
            "## Recommendations", "## Still open", "## About this record"}  # fmt: skip
    headings = [line for line in prose.splitlines() if re.match(r"^#{1,2} ", line)]
    assert all(line.startswith(tuple(ours)) for line in headings), headings
    for line in prose.splitlines():
        if line.startswith("| 20"):
            assert len(re.findall(r"(?<!\\)\|", line)) == 4, "a cell holds no border of its own"


@pytest.mark.parametrize("form", ["md", "html"])
def test_it_says_what_happened_and_what_is_still_open(timeline: Timeline, form: str) -> None:
    play = Play(id="7", title="acme is blocked", environment="prod", began=1_795_000_000.0 - 1560)
    play.run("health", outcome(IMMORTAL, recommendations=(REPAIR,)))
    play.tell(happened.StepSkipped(at=stamp(), step="performance", reason="known"))
    rates = (Figure(name="requests", value=4018.0), Figure(name="error_rate", value=0.012))
    play.tell(happened.ImpactMeasured(at=stamp(), name="error_rate", outcome=outcome(figures=rates)))
    play.act()
    play.check("health", outcome())
    text = re.sub(r"[\\*]", "", written(play.state, timeline, form))
    for words in ("acme is blocked", "acme / chat never resets", "4,018", "1.2 %", "fixed", age(mtta(play.state)),
                  "still open",
                  "Performance was skipped: known", "Identify issue was not done: the repair is proved without it",
                  "EXPIRE rate_limit:acme:chat 60 NX"):  # fmt: skip
        assert words in text, words


@pytest.mark.parametrize("form", ["md", "html"])
def test_what_was_not_measured_is_unknown_and_never_zero(timeline: Timeline, form: str) -> None:
    text = re.sub(r"[\\*]", "", written(Play().state, timeline, form))
    assert "unknown: no finding says when the fault began" in text
    assert "unknown: it is not repaired" in text
    assert "0 %" not in text
    assert text.count("unknown") >= 6


def test_the_history_becomes_charts_with_the_moments_marked(timeline: Timeline) -> None:
    play = Play()
    at = play.state.opened.wall if play.state.opened else 0.0
    series = {"latency.engine": [(at - 600 + 10 * n, 40.0 + n) for n in range(90)], "limits.counters": [(at, 3.0)]}
    document = msgspec.json.encode({"series": series})
    evidence = timeline.describe("history", document)
    event = happened.Captured(at=stamp(), evidence=evidence, since=at - 600, until=at, series=2)
    timeline.append(event, (evidence, document))
    play.tell(event)
    page = Page()
    page.feed(written(play.state, timeline, "html"))
    assert page.tags.count("svg") == 1, "one point is no line"
    assert page.tags.count("line") == 1
    for name, value in page.attributes:
        for x, y in re.findall(r"([-\d.]+),([-\d.]+)", value or "") if name == "points" else ():
            assert 0 <= float(x) <= CHART_WIDTH and 0 <= float(y) <= CHART_HEIGHT
    (timeline.folder / "evidence" / evidence.name).unlink()
    assert "cannot be read" in written(play.state, timeline, "html"), "evidence that is gone is said"


def test_samples_that_are_no_numbers_make_no_chart() -> None:
    assert chart("latency.engine", [(0.0, math.nan), (1.0, 2.0)]) is None
    made = chart("latency.engine", [(0.0, 1.0), (1.0, 2.0)], [Moment(at, "a", "") for at in (0.5, 99.0, -1.0)])
    assert made is not None
    assert made.marks == ((CHART_WIDTH / 2, "a"),)


@pytest.mark.parametrize("text", ["# h", "1. x", "- x", "+ x", "---", "===", "a | b", "<b>", "&amp;", "`x`", "a\n\nb"])
def test_nothing_begins_a_block_in_markdown(text: str) -> None:
    shown = escaped(text)
    assert not re.match(r"^(#|[-+*] |\d+[.)] |---|===|<|&amp;$)", shown), shown
    assert not re.search(r"(?<!\\)[`|]", shown)
    assert "\n" not in shown


def test_nothing_in_a_command_closes_its_fence() -> None:
    shown = fenced("a\n```\n````\nb")
    fence = shown.split("\n", 1)[0]
    assert fence == "`" * 5
    assert shown.count(fence) == 2


def test_an_incident_that_nobody_named_is_headed_by_what_was_found() -> None:
    seen = shapes.Outcome(verdict="critical", severity="critical", headline="engine does not answer")
    step = shapes.Step(plan=shapes.StepPlan(id="health", title="Health check"), outcome=seen)
    unnamed = IncidentState(id="7", title="Incident 7", steps=(step,))
    assert story(unnamed, {}, stamp(1.0), ())["title"] == "engine does not answer"
    assert story(msgspec.structs.replace(unnamed, title="Black Friday"), {}, stamp(1.0), ())["title"] == "Black Friday"


ENGINE = found("services.engine", "critical", "engine", message="engine does not answer")
LEFT = found("errors.rate", "high", "gateway", message="27 % of 2,391 requests failed")


@pytest.mark.parametrize("form", ["md", "html"])
def test_what_was_found_is_what_it_was_at_its_worst_and_a_later_look_stands_beside_it(
    timeline: Timeline, form: str
) -> None:
    play = Play(id="7", title="Incident 7")
    play.run("health", outcome(ENGINE, LEFT, headline="engine does not answer (1 more)"))
    play.run("health", outcome(LEFT, headline=LEFT.message, verdict="needs_attention"))
    told = story(play.state, {}, stamp(), ())
    summary = dict(told["summary"])
    assert told["title"] == "engine does not answer"
    assert summary["What was found"] == "engine does not answer (1 more finding under Evidence)"
    assert "needs_attention: 27 % of 2,391" in summary["Later check, Health check"]
    heading = next(line for line in written(play.state, timeline, form).splitlines() if "incident 7" in line)
    assert "engine does not answer" in heading


def test_a_closed_incident_without_proof_is_not_called_repaired() -> None:
    play = Play(id="7", began=1_795_000_000.0)
    play.run("health", outcome(ENGINE))
    play.run("health", outcome(LEFT))
    play.tell(happened.Closed(at=stamp(), cause="c", resolution="r"))
    head = dict(story(play.state, {}, stamp(), ())["head"])
    assert head["Repaired"] == "not proved by a check"
    assert head["Time to repair (MTTR)"] == "unknown: closed, but not proved by a check"
    calm = Play(id="7")
    calm.run("health", outcome())
    calm.tell(happened.Closed(at=stamp(), cause="c", resolution="r"))
    assert "Repaired" not in dict(story(calm.state, {}, stamp(), ())["head"]), "nothing was wrong"


def test_it_is_about_the_chosen_issue_where_another_finding_is_as_bad() -> None:
    play = Play(id="7", title="Incident 7")
    play.run("health", outcome(IMMORTAL, ENGINE))
    play.choose("circuit_breaker")
    assert story(play.state, {}, stamp(), ())["title"] == "engine does not answer"
    play.choose("rate_limiting", "acme")
    assert story(play.state, {}, stamp(), ())["title"] == IMMORTAL.message
    play.choose("memory_leak")
    assert story(play.state, {}, stamp(), ())["title"] == IMMORTAL.message, "nothing points there: the worst of all"


def test_an_incident_of_all_tenants_is_not_put_down_to_one_that_a_finding_names() -> None:
    play = Play()
    assert dict(story(play.state, {}, stamp(), ())["impact"])["Tenants"] == "none was named by a finding"
    play.run("health", outcome(ENGINE, found("limits.near", "low", "demo_dentist / chat")))
    tenants = dict(story(play.state, {}, stamp(), ())["impact"])["Tenants"]
    assert tenants == "not limited to one tenant (also named by other findings: demo_dentist)"
    play = Play()
    play.run("health", outcome(IMMORTAL, found("limits.over", "high", "beta / chat")))
    assert dict(story(play.state, {}, stamp(), ())["impact"])["Tenants"] == "acme, beta"
    play.choose("rate_limiting", "acme")
    assert dict(story(play.state, {}, stamp(), ())["impact"])["Tenants"] == "acme (also named by other findings: beta)"
    play = Play()
    play.run("health", outcome(found("limits.over", "high", "several counters")))
    assert "about several counters" in dict(story(play.state, {}, stamp(), ())["impact"])["Tenants"]


def test_the_severity_is_said_once_and_in_one_word(timeline: Timeline) -> None:
    play = Play(id="7", title="t")
    play.run("health", outcome(ENGINE))
    play.run("health", outcome(LEFT))
    text = written(play.state, timeline, "html")
    assert "high (at worst critical)" in text
    heading = re.sub("<[^>]*>", "", next(line for line in text.splitlines() if line.startswith("<h1>")))
    assert heading == "Post-mortem: incident 7, t"


@pytest.mark.parametrize("form", ["md", "html"])
def test_a_document_of_a_closed_incident_stands_alone(timeline: Timeline, form: str) -> None:
    low = Recommendation(action="See what the service did", priority="low")
    play = Play(id="7", title="t", steps=playbook("demo").steps, team=playbook("demo").team)
    play.run("health", outcome(ENGINE, LEFT, recommendations=(REPAIR, low)))
    restart = next(one.id for one in play.state.advice if one.source == "playbook")
    play.tell(happened.AdviceMarked(at=stamp(), advice=restart, status="done"))
    play.run("health", outcome(LEFT, recommendations=(REPAIR, low)))
    play.tell(happened.Closed(at=stamp(), cause="c", resolution="r"))
    text = re.sub(r"[\\*]|<[^>]*>", "", written(play.state, timeline, form))
    still = text[text.index("Still open") :]
    assert "low: See what the service did" in still and "critical: Give 1 counter" in still
    assert "Apply recommendations: not done" in text and "waiting" not in text
    assert "Found at its worst:" in text and "Found by the last check:" in text
    assert "Restart the AI engine" in text and "Typed in the dashboard:" in text
    assert not re.search(r"\besc\b|\bpress\b|then type|the command$", text, re.MULTILINE)


def test_what_is_still_open_says_how_many_more_there_are() -> None:
    many = tuple(Recommendation(action=f"do {number}", priority="low") for number in range(30))
    play = Play()
    play.run("health", outcome(recommendations=many))
    still = story(play.state, {}, stamp(), ())["open"]
    assert sum(one.startswith("low: do") for one in still) == 20
    assert "10 more recommendations are open" in still


def test_no_words_of_the_demo_quote_its_screen() -> None:
    assert not [one.action for one in playbook("demo").team if re.search(r"\besc\b|the command", one.action)]


@pytest.mark.parametrize("form", ["md", "html"])
def test_charts_have_axes_a_threshold_and_the_action_marked(timeline: Timeline, form: str) -> None:
    play = Play(id="7")
    play.run("health", outcome(IMMORTAL))
    play.act()
    play.check("health", outcome())
    at = play.state.opened.wall if play.state.opened else 0.0
    samples = [(at - 60 + n, 700.0 if n < 60 else 40.0) for n in range(121)]
    document = msgspec.json.encode({"series": {"latency.engine": samples}})
    evidence = timeline.describe("history", document)
    event = happened.Captured(at=stamp(), evidence=evidence, since=at - 60, until=at + 60, series=1)
    timeline.append(event, (evidence, document))
    play.tell(event)
    text = re.sub(r"[\\*]", "", written(play.state, timeline, form))
    for words in ("Latency of the AI engine", "800 ms", "bad over 500 ms", clock(at - 60), clock(at + 60), "UTC"):
        assert words in text, words
    legend = re.sub(r"<[^>]*>", " ", text)
    assert re.search(r"b\W+[\d:]{8}[^\n]*\s+repair_counter", legend), "a letter leads to the action"
    if form == "html":
        assert 'class="limit"' in text and 'class="mark"' in text
    else:
        assert "╌" in text and "ab" in text.split("└")[1].splitlines()[0]


def test_one_thing_is_written_in_the_singular(timeline: Timeline) -> None:
    play = Play(id="7")
    play.run("health", outcome(IMMORTAL, more=1))
    rates = (Figure(name="requests", value=1.0), Figure(name="refused_rate", value=1.0))
    play.tell(happened.ImpactMeasured(at=stamp(), name="error_rate", outcome=outcome(figures=rates)))
    play.act()
    text = written(play.state, timeline, "md")
    assert "1 more finding is in the evidence" in text and "100 %, 1 request" in text and "Planned: 1 key" in text
    assert not re.search(r"\b1 (?:\w+ )?(?:keys|findings|requests|steps|actions|counters|series of)\b", text)
