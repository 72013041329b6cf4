"""One function, one document: what the tools screen holds and shows is what the one road gives for the same question.

The world is the one of ``test_parity``: each tool really runs once on a real server, and that report is the report on
its question from then on. The screen is opened as a person opens it and takes its own road from form to bytes.
"""

import asyncio
import json
from typing import Any

import pytest

from optimus_tui.settings.model import Settings
from optimus_tui.tools.answer import answer, encode, exit_code
from optimus_tui.tools.registry import TOOLS, ToolCall
from optimus_tui.tui.app import OptimusApp
from optimus_tui.tui.dashboard.screen import Dashboard
from optimus_tui.tui.tools.lists import ReportView
from optimus_tui.tui.tools.screen import ToolsScreen
from tests.hostile import HostileServer
from tests.realserver import RealServer
from tests.surfaces.parity_driver import ARGUMENTS, freeze
from tests.surfaces.world import context


@pytest.mark.parametrize("name", list(TOOLS))
async def test_the_tools_screen_holds_the_document_of_the_one_road(
    name: str,
    gateway: HostileServer,
    server: RealServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    freeze(TOOLS[name], monkeypatch)
    monkeypatch.setattr(Dashboard, "start_sampling", lambda self: None)
    ctx = context(gateway, server)
    app = OptimusApp(Settings())
    try:
        async with app.run_test(size=(140, 42)) as pilot:
            for arguments in ARGUMENTS[name]:
                document = encode(report := await answer(ctx, name, arguments))
                screen: Any = ToolsScreen(ctx, [], app.dashboard.findings, ToolCall(name, arguments), True)
                app.push_screen(screen)
                async with asyncio.timeout(10):
                    while screen.run is None or screen.run.running:
                        await pilot.pause(0.02)
                assert screen.run.encoded == document
                assert screen.run.code == exit_code(report)
                await pilot.press("J")
                view = screen.query_one(ReportView)
                shown = ["".join(text for text, _ in view.row(at, 10_000)) for at in range(len(view.rows))]
                whole = json.dumps(json.loads(document), indent=2, ensure_ascii=True)
                assert "".join(shown).replace(" ", "") == whole.replace("\n", "").replace(" ", "")
                await pilot.press("escape", "escape", "escape")
                await pilot.pause()
                assert isinstance(app.screen, Dashboard)
    finally:
        await ctx.aclose()
