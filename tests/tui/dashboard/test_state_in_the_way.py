"""The dashboard where its state cannot be kept or read: it names why, once, and takes nothing for none."""

import os
from pathlib import Path

import pytest

from optimus_tui.settings.tuning import Tuning
from optimus_tui.tui.actions.controller import holds
from tests.realserver import RealServer
from tests.tui.driver import running, shown, until

AT_ONCE = Tuning(unkept_seconds=0.0)


async def test_a_pipe_in_the_place_of_the_state_directory_is_named_and_not_taken_for_no_interrupted_action(
    redis: RealServer, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "optimus-tui")
    wrong = f"{tmp_path / 'optimus-tui'} is a pipe where a directory is needed: move it away"
    async with running(redis, writable=False, tuning=AT_ONCE) as (pilot, dashboard):
        await until(pilot, lambda: f"{wrong}; samples wait in memory" in shown(pilot))
        pilot.app.clear_notifications()
        dashboard.prompt.run("interrupted")
        await until(pilot, lambda: f"it is unknown whether an action was interrupted: {wrong}" in shown(pilot))
        assert "no action was interrupted" not in shown(pilot)


async def test_a_history_that_is_a_pipe_gets_one_toast(redis: RealServer, tmp_path: Path) -> None:
    (tmp_path / "optimus-tui" / "history").mkdir(parents=True, mode=0o700)
    os.mkfifo(tmp_path / "optimus-tui" / "history" / "test.sqlite")
    async with running(redis, writable=False, tuning=AT_ONCE) as (pilot, dashboard):
        await until(pilot, lambda: "test.sqlite is a pipe, not a regular file" in shown(pilot))
        pilot.app.clear_notifications()
        for _ in range(3):
            dashboard.alerts.warn_if_not_kept()
        await pilot.pause()
        assert "test.sqlite" not in shown(pilot), "once is enough"


async def test_a_history_that_is_locked_for_a_moment_gets_none(redis: RealServer, tmp_path: Path) -> None:
    async with running(redis, writable=False) as (pilot, dashboard):
        await until(pilot, lambda: dashboard.alerts.book is not None and dashboard.alerts.book.loaded)
        from optimus_tui.contract.reading import Fault

        store = dashboard.context.store
        store.fault = Fault("busy", "somebody has it")
        dashboard.alerts.warn_if_not_kept()
        store.fault = None
        dashboard.alerts.warn_if_not_kept()
        await pilot.pause()
        assert "somebody has it" not in shown(pilot)


def test_where_nobody_can_tell_something_may_be_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert not holds("*.plan"), "nothing was ever done here"
    (tmp_path / "optimus-tui").symlink_to("/nowhere/at/all")
    assert holds("*.plan")
    (tmp_path / "optimus-tui").unlink()
    (tmp_path / "optimus-tui" / "actions").mkdir(parents=True)
    assert not holds("*.plan")
    (tmp_path / "optimus-tui" / "actions" / "1.plan").touch()
    assert holds("*.plan") and not holds("*.receipt")
