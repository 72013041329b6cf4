"""The exported post-mortem in a real browser, with 200 hostile strings: nothing runs, nothing is asked, all is text."""

import html
import os
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from optimus_tui.contract import incident_events as happened
from optimus_tui.history.timeline import new_timeline
from optimus_tui.incidents.postmortem import render
from tests.unit.workflow.driver import Play, found, outcome, stamp

PIECES = (
    "<script>{}</script>", "<img src=x onerror={}>", "<svg/onload={}>", "\"><script>{}</script>", "'><img src={}>",
    "</style><script>{}</script>", "</title><script>{}</script>", "--><script>{}</script>", "<iframe srcdoc='{}'>",
    "<link rel=stylesheet href={}>", "<meta http-equiv=refresh content='0;url={}'>", "<base href={}>",
    "<object data={}>", "<form action={}><input autofocus onfocus={}>", "<details open ontoggle={}>", "javascript:{}",
    "&lt;script&gt;{}&lt;/script&gt;", "&#60;script&#62;{}", "\\u003cscript\\u003e{}", "<a href={} ping={}>x</a>",
)  # fmt: skip
"""Forms in which a page is made to act; ten of each."""
DEEDS = (
    "document.title='OWNED'", "fetch('{url}')", "location='{url}'", "new Image().src='{url}'", "{url}",
    "import('{url}')", "window.open('{url}')", "document.body.innerHTML='OWNED'", "url({url})", "@import '{url}'",
)  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> str:
    found_at = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found_at is None:
        if os.environ.get("CI"):
            pytest.fail("no chromium on this machine")
        pytest.skip("no chromium on this machine")
    return found_at


@pytest.fixture
def listener() -> Iterator[tuple[str, list[bytes]]]:
    """An address that every hostile string names, and what it was asked."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen() -> None:
            while True:
                try:
                    near, _ = server.accept()
                except OSError:
                    return
                with near:
                    asked.append(near.recv(4096))

        threading.Thread(target=listen, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/x", asked


def dumped(browser: str, page: Path, home: Path) -> str:
    """The page's document after a browser has worked on it."""
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    command = [browser, *options, f"--user-data-dir={home}", "--virtual-time-budget=3000", "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_200_hostile_strings_are_text_in_a_browser(
    browser: str, listener: tuple[str, list[bytes]], tmp_path: Path
) -> None:
    url, asked = listener
    strings = [piece.replace("{}", record.replace("{url}", url)) for piece in PIECES for record in DEEDS]
    assert len(set(strings)) == 200
    play = Play(id="7", title=strings[0], environment="prod", operator=strings[1], began=1_794_999_000.0)
    play.run("health", outcome(found("limits.immortal", "critical", strings[2], message=strings[3])))
    for text in strings:
        play.tell(happened.NoteAdded(at=stamp(), text=text, pane=text, title=text))
    play.tell(happened.Closed(at=stamp(), cause=strings[4], resolution=strings[5]))
    _, timeline = new_timeline(tmp_path, "me")
    page = tmp_path / "postmortem.html"
    page.write_text(render(play.state, timeline, stamp(), "html"), "utf-8")
    timeline.close()
    shown = dumped(browser, page, tmp_path / "browser")
    assert asked == []
    assert "OWNED" not in re.search(r"<title>(.*?)</title>", shown, re.DOTALL).group(1).replace("='OWNED'", "")
    assert not re.search(r"<(script|img|iframe|object|embed|form|input|base|link|details)\b", shown, re.IGNORECASE)
    text = html.unescape(re.sub(r"<[^>]*>", "", shown))
    missing = [one for one in strings if one[:60] not in text]
    assert not missing, missing[:3]


def test_this_browser_runs_scripts_and_asks_where_a_page_lets_it(
    browser: str, listener: tuple[str, list[bytes]], tmp_path: Path
) -> None:
    """Otherwise the test above would prove nothing."""
    url, asked = listener
    page = tmp_path / "page.html"
    page.write_text(f"<title>x</title><script>document.title='OWNED'; new Image().src='{url}'</script>", "utf-8")
    assert "<title>OWNED</title>" in dumped(browser, page, tmp_path / "browser")
    assert asked
