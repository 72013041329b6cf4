"""``o`` in a real terminal: the editor gets the file and the line, has the terminal to itself, and gives it back."""

import re
import shlex
import shutil
from pathlib import Path

from optimus_tui.assets import asset_dir
from tests.terminal import Terminal
from tests.tui.routers.bad_routers import BAD

NAMES = ("esc\x1b[31m.py", "my orders [v2].py")
EDITOR = """#!/bin/sh
printf '%s\\0' "$@" >> {told}
printf '\\n' >> {told}
printf '\\033[2J\\033[HEDITOR HERE\\n'
read answer
echo "EDITOR HEARD $answer"
exit 0
"""


def test_the_editor_gets_file_and_line_and_the_terminal_and_gives_it_back(tmp_path: Path) -> None:
    shop, told = tmp_path / "the shop", tmp_path / "told"
    shutil.copytree(asset_dir("templates") / "orchestrator" / "src", shop / "src")
    for name in NAMES:
        (shop / "src/backend/routers" / name).write_text(BAD)
    editor = tmp_path / "an editor's folder" / "vim"
    editor.parent.mkdir()
    editor.write_text(EDITOR.format(told=shlex.quote(str(told))))
    editor.chmod(0o755)
    env = {
        "VISUAL": f"{shlex.quote(str(editor))} -n '--cmd=set nu'", "EDITOR": "false",
        "XDG_STATE_HOME": str(tmp_path / "state"), "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "BACKEND_ORCHESTRATOR_PATH": str(shop), "REDIS_URL": "redis://127.0.0.1:9/0",
        "BACKEND_ORCHESTRATOR_URL": "http://127.0.0.1:9", "AI_ENGINE_URL": "http://127.0.0.1:9",
    }  # fmt: skip
    terminal = Terminal.optimus(columns=80, rows=24, env=env)
    try:
        terminal.wait_for("help")
        terminal.send(":validate\r")
        terminal.wait_for(r"my orders \[v2\].py")
        terminal.wait_for("findings ─")
        terminal.send("o")
        edit(terminal, "first")
        terminal.send("\x1b[B")  # down
        terminal.wait_for(r"my orders \[v2\].py: \d+ findings")
        terminal.send("\r")
        found = re.search(r"✖ +(\d+) ", terminal.wait_for(r"✖ +\d+ "))
        assert found is not None
        terminal.settle(1.0)  # the cursor is in the findings
        terminal.send("o")
        edit(terminal, "second")
        terminal.send("\x11")
        assert terminal.wait_exit() == 0
    finally:
        terminal.close()
    calls = [line.split("\0")[:-1] for line in told.read_text().splitlines()]
    routers = shop / "src/backend/routers"
    assert calls == [
        ["-n", "--cmd=set nu", "+1", str(routers / NAMES[0])],
        ["-n", "--cmd=set nu", f"+{found[1]}", str(routers / NAMES[1])],
    ]
    assert "\x1b[31m.py" not in terminal.raw.decode("utf-8", "replace"), "the file's name is no command"


def edit(terminal: Terminal, words: str) -> None:
    """What an editor does: it has the screen, hears a line with the terminal's own line editing, and ends."""
    terminal.wait_for("EDITOR HERE")
    assert "COMPLIANCE" not in terminal.text(), "nothing is drawn over it"
    terminal.send(words + "\r")  # without the terminal's own modes this Enter would end no line
    terminal.wait_for("COMPLIANCE")
    terminal.wait_for(r"my orders \[v2\].py")
