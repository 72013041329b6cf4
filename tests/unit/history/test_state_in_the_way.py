"""Something else stands where the state directory belongs: every road names it and its remedy."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from optimus_tui.__main__ import run
from optimus_tui.clock import Clock
from optimus_tui.history.samples.store import Store
from optimus_tui.storage.private_file import in_the_way

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


CLOSED = """
import sys, time
from pathlib import Path
from optimus_tui.__main__ import run
from optimus_tui.actions.files.changes import UndoJournal
from optimus_tui.actions.action_log import interrupted
from optimus_tui.actions.files.tree import WriteRefused
folder = Path(sys.argv[1])
for road in sys.argv[2:]:
    run(road.split())
    print("<end>", flush=True)
print(*interrupted(folder, time.time()), "<end>")
try:
    print(UndoJournal(folder, folder).entries(), "<end>")
except WriteRefused as refused:
    print(refused, "<end>")
"""


def test_every_road_names_a_directory_that_is_closed_to_this_user(tmp_path: Path) -> None:
    folder = tmp_path / "optimus-tui"
    folder.mkdir(mode=0o000)
    words = [sys.executable, "-c", CLOSED, str(folder), *ROADS]
    if os.geteuid() == 0:  # for whom no directory is closed
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            pytest.skip("root, and no setpriv to be less")
        words = [setpriv, "--bounding-set=-dac_override,-dac_read_search", *words]
    env = {**os.environ, "XDG_STATE_HOME": str(tmp_path)}
    done = subprocess.run(
        words, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False
    )
    folder.chmod(0o700)
    assert done.returncode == 0, done.stdout
    said = [" ".join(one.split()) for one in done.stdout.split("<end>")[:-1]]
    assert len(said) == len(ROADS) + 2
    sentence = f"{folder} cannot be entered by this user: check its owner and rights"
    assert [one for one in said if sentence not in one] == []


def test_a_directory_or_nothing_at_all_is_not_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    for place in ("real", "link", "real/new", "not/there/yet"):
        assert in_the_way(tmp_path / place) == ""
