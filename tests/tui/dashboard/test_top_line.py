"""Every screen above the dashboard has the dashboard's top line: its verdict and clock, and what a proof says."""

import re
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from textual.pilot import Pilot

from optimus_tui.contract.findings import Finding
from optimus_tui.contract.services import HealthReport
from optimus_tui.tui.app import OptimusApp
from optimus_tui.tui.dashboard.status_line import PRODUCT
from optimus_tui.tui.dashboard.top_line import StatusLine
from optimus_tui.tui.messages import ReportArrived
from optimus_tui.tui.widgets.top_line import name_part
from tests.fixed_clock import FixedClock
from tests.sizes import SIZES
from tests.tui.driver import said, until
from tests.tui.pictures import SETTINGS

pytestmark = pytest.mark.usefixtures("offline")

CRITICAL = Finding(rule="limits.immortal", severity="critical", subject="clinic_b / chat", message="never resets")


def stands_on_top(pilot: Pilot[Any], name: str) -> bool:
    return name in said(pilot).splitlines()[0]


@pytest.mark.parametrize("size", SIZES)
async def test_verdict_mode_and_clock_stand_on_the_top_line_of_every_screen(size: tuple[int, int]) -> None:
    app: Any = OptimusApp(SETTINGS)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.dashboard is not None and app.dashboard.is_mounted)
        app.dashboard.post_message(ReportArrived("health", HealthReport(findings=(CRITICAL,), overall="critical")))
        await until(pilot, lambda: "✖" in said(pilot).splitlines()[0])
        for line, name in (
            ("run", "TOOLS"), ("log", "COMMAND LOG"), ("alerts", "ALERTS"), ("settings", "SETTINGS"),
            ("tenant acme", "acme"), ("validate", "COMPLIANCE"), ("router", "NEW ROUTER"),
        ):  # fmt: skip
            app.run_command(line)
            await until(pilot, partial(stands_on_top, pilot, name))
            top = said(pilot).splitlines()[0]
            assert "CRITICAL" in top or (size[0] == 80 and "✖" in top), top
            assert "read-only" in top, top
            assert re.search(r"\d\d:\d\d:\d\d", top), top
            await pilot.press("escape")
            await until(pilot, lambda: app.screen is app.dashboard)


def test_a_long_name_gives_way_to_what_stands_beside_it() -> None:
    part = name_part("TENANT", "t" * 60)
    assert part.shorter is not None
    assert len("".join(words for words, _ in part.shorter.words)) <= 25


def test_the_next_key_of_a_drill_is_named_where_it_works_and_its_clock_everywhere() -> None:
    facts: Any = SimpleNamespace(
        settings=SETTINGS, health=None,
        context=SimpleNamespace(own=SimpleNamespace(rate=lambda _: 1.0), clock=FixedClock()),
        mode_words=lambda _: ("read-only", "quiet"), mark_quiet=lambda: 0, explained=frozenset(),
        status_words=lambda: ("", ""), clock_text=lambda: "drill 15 s", under_way="",
        status_note=lambda: (("drill 15 s: press i to open an incident", "drill 15 s"), True),
    )  # fmt: skip
    line = StatusLine(facts, facts, facts, facts, facts)
    for start, named in ((PRODUCT, True), ([name_part("SETTINGS")], False)):
        said_there = "".join(words for words, _ in line.words(start, 140)[0])
        assert "drill 15 s" in said_there and ("press i" in said_there) is named
