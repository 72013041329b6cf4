"""``standup``: twelve lines of eighty columns, compared with the last one, for a chat and as a page."""

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace
from rich.cells import cell_len

from optimus_tui.__main__ import run
from optimus_tui.cli.flags import settings_of
from optimus_tui.cli.reports.standup_page import chat, fit, lines, page
from optimus_tui.context import Context
from optimus_tui.contract.tools.state import (
    CachePart,
    EventsPart,
    LimitsPart,
    RedisPart,
    ServicePart,
    StandupFinding,
    StandupReport,
)
from optimus_tui.tools.standup import KEY, Meetings
from optimus_tui.verdicts.changes import compare
from tests.hostile import HostileServer, silence
from tests.realserver import RealServer, nobody_port

Capture = pytest.CaptureFixture[str]
HOSTILE = "t\x1b]52;c;eA==\x07<script>alert(1)</script> ``` ```` @channel [red] \u202e " + "名" * 60


def report(**changed: object) -> StandupReport:
    """A healthy Monday."""
    whole = StandupReport(
        tool="standup",
        timestamp="2026-11-23T09:00:00Z",
        environment="prod",
        since=None,
        window_minutes=60,
        overall_status="healthy",
        gateway=ServicePart(status="healthy", latency_ms=45, p95_ms=61),
        engine=ServicePart(status="connected", latency_ms=230, p95_ms=260),
        redis=RedisPart(status="connected", latency_ms=0.4, memory_bytes=255_852_544, hit_rate=0.91),
        limits=LimitsPart(
            counters=48, counters_allowed=1000, immortal=0, over=0, tenant="demo_dentist", operation="chat", share=0.94
        ),
        cache=CachePart(keys=1_247, without_ttl=53, complete=True),
        events=EventsPart(in_window=2_280, per_minute=38, seconds_ago=1, malformed=0),
        findings=(),
    )
    return replace(whole, **changed)


def finding(rule: str = "limits.immortal", subject: str = "clinic_b / chat", **more: object) -> StandupFinding:
    one = StandupFinding(severity="critical", message=f"{subject} never resets", rule=rule, subject=subject)
    return replace(one, **more)


def test_the_screen_says_what_changed_since_the_last_time() -> None:
    before = report(
        timestamp="2026-11-20T09:00:00Z",
        findings=(finding("latency.p95", "engine", since="2026-11-19T14:10:00Z"), finding("gone", "it")),
    )
    now = report(
        engine=ServicePart(status="connected", latency_ms=612, p95_ms=840),
        redis=RedisPart(
            status="connected",
            latency_ms=0.4,
            memory_bytes=255_852_544,
            hit_rate=0.85,
            hit_rate_source="gateway, last 10 min",
        ),
        cache=CachePart(keys=1_247, without_ttl=104, complete=True),
        findings=(finding("latency.p95", "engine", severity="high"), finding()),
        overall_status="critical",
    )
    assert lines(compare(before, now)) == [
        "optimus standup · prod · Mon 2026-11-23 09:00 UTC · since Fri 09:00",
        "✖ CRITICAL   2 findings, 1 new, 1 gone",
        "  gateway   healthy      45 ms  p95 61 ms                    = as before",
        "  engine    connected   612 ms  p95 840 ms                   ▲ p95 was 260 ms",
        "  redis     connected   0.4 ms   244 MB  hit 85 % (10 min)   ▼ hit was 91 %",
        "  limits    48 of 1,000 counters  demo_dentist 94 % of chat  = as before",
        "  cache     1,247 keys, 104 never expire                     ▲ +51 without TTL",
        "  events    0.6/s, last 1.0 s ago                            = as before",
        "✖ CRIT  new  clinic_b / chat never resets",
        "▲ HIGH       engine never resets" + " " * 33 + "since Thu 14:10",
    ]


def test_the_first_has_nothing_to_compare_with() -> None:
    shown = lines(compare(None, report(findings=(finding(),))))
    assert shown[0].endswith("the first stand-up") and not any("new" in line for line in shown)
    assert shown[-1] == "✖ CRIT  clinic_b / chat never resets", "no room is kept for a word that cannot come"


def test_a_long_finding_is_shortened_between_words_and_one_long_word_is_cut() -> None:
    several = replace(finding(), message="unmistakable " * 9)
    assert lines(report(findings=(several,)))[-1].endswith(" unmistakable …")
    assert lines(report(findings=(replace(finding(), message="/" * 90),)))[-1].endswith("//…")


def test_the_page_writes_times_as_the_screens_do_and_breaks_neither_them_nor_a_severity() -> None:
    old = finding(since="2026-11-19T14:10:00Z", severity="medium")
    text = page(report(findings=(old,), since="2026-11-20T09:00:00Z"), {})
    assert not re.search(r"\dT\d\d:\d\d:\d\dZ", text)
    assert "2026-11-23 09:00:00 UTC · since 2026-11-20 09:00:00 UTC" in text
    assert '<span class="whole">since 2026-11-19 14:10:00 UTC</span>' in text
    assert '<td class="whole medium">medium</td>' in text


@pytest.mark.parametrize("count", [0, 1, 4, 5, 200])
def test_it_is_never_more_than_twelve_lines_of_eighty_columns(count: int) -> None:
    many = tuple(finding(subject=f"{HOSTILE}{number}") for number in range(count))
    parts = {
        "gateway": ServicePart(status="error", error=HOSTILE),
        "limits": LimitsPart(counters=10**12, counters_allowed=10**9, tenant=HOSTILE, operation=HOSTILE, share=123.4),
        "cache": CachePart(error=HOSTILE),
        "events": EventsPart(error=HOSTILE),
        "environment": "e" * 64,
    }
    before = report(findings=many[:2], timestamp="2020-01-01T00:00:00Z")
    shown = lines(compare(before, report(findings=many, unknown=("x",) * 4, **parts)))
    assert len(shown) <= 12
    assert all(cell_len(line) <= 80 and line.isprintable() for line in shown)
    assert any("more: " in line for line in shown) == (count > 4)


@pytest.mark.parametrize(("grave", "low"), [(2, 5), (4, 1), (0, 3), (6, 3), (0, 9)])
def test_findings_shown_and_left_out_add_up_to_those_counted(grave: int, low: int) -> None:
    found = [finding(subject=f"grave {number}") for number in range(grave)]
    found += [finding(subject=f"low {number}", severity="low") for number in range(low)]
    shown = lines(report(findings=tuple(found)))
    listed = sum("never resets" in line for line in shown)
    more = sum(int(line.split("… ")[1].split()[0]) for line in shown if "more: " in line)
    assert listed + more == grave + low
    assert f"{grave + low} findings" in shown[1]
    assert len(shown) <= 12


@pytest.mark.parametrize(
    ("events", "words"),
    [
        (EventsPart(in_window=1, covered_minutes=6.83, seconds_ago=410), "1 event in 6 min 50 s, last 6 min 50 s ago"),
        (EventsPart(in_window=0, covered_minutes=6.83), "none in 1 h"),
        (EventsPart(in_window=12, covered_minutes=6.0, per_minute=2.0), "2.0/min"),
        (EventsPart(in_window=2700, covered_minutes=6.0, per_minute=450.0), "7.5/s"),
        (EventsPart(in_window=3), "3 events"),
    ],
)
def test_a_single_event_has_no_rate(events: EventsPart, words: str) -> None:
    assert any(line == f"  events    {words}" for line in lines(report(events=events)))


def test_what_could_not_be_looked_at_is_not_gone() -> None:
    before = report(findings=(finding(),))
    assert compare(before, report(unknown=("coherence: down",))).gone == ()
    assert compare(before, report()).gone == ("clinic_b / chat never resets",)


def test_noise_is_no_change() -> None:
    before = report()
    now = report(
        gateway=ServicePart(status="healthy", latency_ms=50, p95_ms=75),
        limits=replace(before.limits, counters=52),
        events=replace(before.events, per_minute=30),
    )
    assert {change.direction for change in compare(before, now).changes.values()} == {"same"}


def test_in_a_chat_nothing_closes_the_fence_and_nobody_is_called() -> None:
    shown = chat(report(findings=(finding(subject=HOSTILE),), environment="prod_*eu*")).splitlines()
    assert shown[0].startswith("**optimus standup · prod\\_\\*eu\\*")
    assert shown[1] == shown[-1] == "`````"
    assert len([line for line in shown if line.startswith("`````")]) == 2


class Elements(HTMLParser):
    """Names of elements and attributes, and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_holds_hostile_text_as_text_and_loads_nothing() -> None:
    series = {
        "latency.gateway": [(t * 2.0, 40.0 + t % 7) for t in range(2_000)],
        "cache.keys": [(0.0, 5.0), (10.0, 5.0), (1000.0, 6.0), (1010.0, float("nan")), (1020.0, 7.0)],
        "events.rate": [(0.0, 1.0)],
    }
    text = page(report(findings=(finding(subject=HOSTILE),), gone=(HOSTILE,), unknown=(HOSTILE,)), series)
    seen = Elements(text)
    assert "script" not in seen.names and "<script>alert(1)</script>" in seen.text
    assert seen.names.count("svg") == 2 and seen.names.count("polyline") == 3
    assert not {"src", "href", "onload", "onclick"} & set(seen.attributes)
    assert "http://" not in text and "https://" not in text and "url(" not in text
    points = re.findall(r'points="([^"]*)"', text)
    assert all(
        0 <= float(x) <= 320 and 0 <= float(y) <= 64 for line in points for x, y in (p.split(",") for p in line.split())
    )
    assert len(text) < 40_000


def test_the_page_names_findings_by_the_title_of_their_rule() -> None:
    text = page(report(findings=(finding(), finding("gone.long_ago", "it"))), {})
    assert "A counter without TTL never resets" in text and "gone: long ago" in text
    assert "limits.immortal" not in text and "gone.long_ago" not in text


def test_without_samples_the_page_says_who_keeps_them() -> None:
    assert "optimus-tui record" in page(report(), {})


def test_a_second_look_within_the_hour_tells_the_same_changes(
    world: HostileServer, server: RealServer, capsys: Capture
) -> None:
    assert run(["standup", "--json"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert first["since"] is None and first["changes"] == {}
    age_kept_documents(7200)
    server.command("SET", "rate_limit:clinic_b:chat", "400")
    for form in ("--json", "--json"):
        assert run(["standup", form]) == 1
        document = json.loads(capsys.readouterr().out)
        assert document["since"] is not None
        assert [(one["rule"], one["new"]) for one in document["findings"] if one["severity"] == "critical"] == [
            ("limits.immortal", True)
        ]
        assert document["changes"]["limits"] == {"direction": "worse", "words": "+1 never reset", "rose": True}
    assert run(["standup"]) == 1
    shown = capsys.readouterr().out
    assert "✖ CRIT  new  clinic_b / chat never resets" in shown and "since " in shown.splitlines()[0]
    assert run(["standup", "--md"]) == 1
    assert capsys.readouterr().out.startswith("**optimus standup")


def age_kept_documents(seconds: float) -> None:
    """As if the last stand-up had been so long ago."""

    async def change() -> None:
        ctx = Context(settings_of({}))
        try:
            raw = await ctx.store.recall(KEY)
            assert raw is not None
            kept = msgspec.json.decode(raw, type=Meetings)
            then = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - seconds))
            assert await ctx.store.remember(KEY, msgspec.json.encode(Meetings(replace(kept.latest, timestamp=then))))
        finally:
            await ctx.aclose()

    asyncio.run(change())


def test_a_page_goes_to_a_file_in_one_step_and_to_nothing_but_a_file(
    world: HostileServer, capsys: Capture, tmp_path: Path
) -> None:
    place = tmp_path / "standup.html"
    place.write_text("old")
    assert run(["standup", "--html", str(place)]) == 0
    shown = capsys.readouterr()
    assert shown.out == "" and str(place) in shown.err
    assert place.read_text().startswith("<!doctype html>")
    assert run(["standup", "--html"]) == 0
    assert capsys.readouterr().out.startswith("<!doctype html>")
    os.mkfifo(tmp_path / "fifo")
    for wrong in ("fifo", ".", "missing/x.html", "/dev/null", "a" * 300):
        assert run(["standup", "--html", wrong]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_forms_exclude_each_other(world: HostileServer, capsys: Capture) -> None:
    assert run(["standup", "--json", "--md"]) == 2
    assert "exclude" in capsys.readouterr().err


def test_with_redis_down_it_still_says_what_it_knows(
    world: HostileServer, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{nobody_port()}")
    assert run(["standup"]) == 1
    shown = capsys.readouterr().out
    assert "✖ CRITICAL" in shown and "disconnected" in shown and "healthy" in shown
    assert "cache     ? " in shown and "without result" in shown
    assert len(shown.splitlines()) <= 12


def test_with_all_hung_it_is_there_while_all_still_hangs_row_49(
    make_server: Callable[..., RealServer], world: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = make_server()
    monkeypatch.setenv("REDIS_URL", server.url)
    world.on("/health", silence)
    world.on("/metrics", silence)
    server.freeze()
    try:
        done = subprocess.run([sys.executable, "-m", "optimus_tui", "standup"], capture_output=True, timeout=60)
        assert server.is_frozen and not {"/health", "/metrics"} & set(world.ended)
    finally:
        server.thaw()
    assert done.returncode == 1, done.stderr
    assert len(done.stdout.splitlines()) <= 12


def test_a_history_of_something_else_is_as_none(world: HostileServer, capsys: Capture, tmp_path: Path) -> None:
    place = tmp_path / "state" / "optimus-tui" / "history" / "default.sqlite"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"no database" * 1000)
    assert run(["standup"]) == 0
    shown = capsys.readouterr()
    assert "the first stand-up" in shown.out


def test_a_line_is_cut_by_cells() -> None:
    assert fit("名前名前", 5) == "名前…"
    assert cell_len(fit("a名前", 3)) <= 3
    assert fit("ab", 4) == "ab  "


def test_a_sentence_is_cut_at_its_end_and_counts_nothing() -> None:
    said = "the gateway at http://gateway.internal:8020 answered with a page of HTML instead of JSON, twice"
    long = "Values in the cache have grown: " + "word " * 200
    now = report(
        gateway=ServicePart(status="error", error=said),
        cache=CachePart(error=said),
        findings=(finding(), replace(finding(), message=long)),
    )
    shown = lines(now)
    cut = [line for line in shown if "…" in line]
    assert len(cut) == 3 and all(line.endswith("…") and "(" not in line for line in cut)
    assert any("the gateway at http://gateway.internal" in line for line in cut)
