"""Somebody changes a file between the look at it and the move: it is theirs, and nothing is written."""

from pathlib import Path
from typing import Any

import pytest

from optimus_tui.actions.drafts.routers import plan_router, write_router
from optimus_tui.actions.files import changes
from optimus_tui.actions.files.tree import WriteRefused
from optimus_tui.scaffold.spec import make_spec
from tests.scaffold.workshop import new_gateway

APP = "src/backend/app.py"


def test_a_file_that_changes_between_look_and_move_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    gateway = new_gateway(tmp_path / "gateway")
    plan, stage = plan_router(gateway, make_spec("products")), changes._stage

    def stage_and_be_overtaken(tree: Any, entry: Any, change: Any) -> None:
        stage(tree, entry, change)
        if change.path == APP:
            (gateway / APP).write_text("theirs = True\n")

    monkeypatch.setattr(changes, "_stage", stage_and_be_overtaken)
    with pytest.raises(WriteRefused, match="changed by somebody else meanwhile"):
        write_router(plan)
    assert (gateway / APP).read_text() == "theirs = True\n"
    assert not (gateway / "src/backend/routers/products.py").exists()
