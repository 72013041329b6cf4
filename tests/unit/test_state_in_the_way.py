"""Something else stands where the state directory belongs: every road names it and its remedy."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from optimus_tui.__main__ import run
from optimus_tui.clock import Clock
from optimus_tui.history.state_files import in_the_way
from optimus_tui.history.store import Store

KINDS: dict[str, tuple[Callable[[Path], object], str]] = {
    "pipe": (os.mkfifo, "is a pipe where a directory is needed: move it away"),
    "link": (lambda path: path.symlink_to("/nowhere/at/all"), "is a link to nowhere: remove it"),
    "file": (lambda path: path.write_text("x"), "is a file where a directory is needed: move it away"),
}
ROADS = ["audit verify", "audit show", "audit rotate", "incident list", "incident show 1", "incident open --title x"]


@pytest.fixture(params=KINDS)
def wrong(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    make, sentence = KINDS[request.param]
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    make(tmp_path / "optimus-tui")
    return f"{tmp_path / 'optimus-tui'} {sentence}"


@pytest.mark.parametrize("road", ROADS)
def test_every_verb_names_it(road: str, wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(road.split()) not in (0, 70)
    said = capsys.readouterr()
    assert wrong in " ".join((said.out + said.err).split())


async def test_the_history_names_it(wrong: str, tmp_path: Path) -> None:
    store = Store(tmp_path / "optimus-tui" / "history" / "default.sqlite", clock=Clock())
    fault = await store.ready()
    await store.close()
    assert fault is not None and wrong in fault.message


def test_a_directory_or_nothing_at_all_is_not_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    for place in ("real", "link", "real/new", "not/there/yet"):
        assert in_the_way(tmp_path / place) == ""
