"""Every process that we start gets an environment without secrets: our sources are read, and some are started."""

import ast
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import optimus_tui
from optimus_tui.actions.drafts.draft_checks import SandboxRunner
from optimus_tui.child_processes import child_environment, minimal_environment
from optimus_tui.demo.ports import Ports
from optimus_tui.demo.stack import demo_environment
from optimus_tui.tui import terminal
from tests.patience import PATIENCE

PACKAGE = Path(optimus_tui.__file__).parent
STARTERS = {"run", "Popen", "call", "check_call", "check_output", "getoutput", "getstatusoutput"}
FORBIDDEN_IN_OS = ("system", "popen", "spawn", "posix_spawn", "fork", "startfile", "exec")
FORBIDDEN_MODULES = {"pty", "multiprocessing", "webbrowser", "pexpect", "sh"}
FORBIDDEN_NAMES = {"create_subprocess_exec", "create_subprocess_shell", "subprocess_exec", "ProcessPoolExecutor"}
MAKERS = {"child_environment", "minimal_environment", "demo_environment"}
HANDED_ON = {
    "actions/drafts/draft_checks.py": "_start",  # its callers, draft_checks and interpreters, call a maker
    "demo/stack.py": "__init__",  # the supervisor's own, made by demo_environment
}
"""Where the environment is a parameter: the file, and the one function there."""
EXECUTES = {"child_processes.py"}
"""Its program becomes the child that its owner started with an environment of a maker."""


def sources(*names: str) -> Iterator[tuple[str, ast.Module]]:
    """Parse the modules whose text has one of the names: what is looked for cannot stand in another."""
    told = re.compile(rf"\b({'|'.join(names)})\b")
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text("utf-8")
        if told.search(text):
            yield path.relative_to(PACKAGE).as_posix(), ast.parse(text)


def started(tree: ast.Module) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, ast.Call]]:
    for function in ast.walk(tree):
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for node in ast.walk(function):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and isinstance(node.func.value, ast.Name)
                    and node.func.value.id == "subprocess"
                    and node.func.attr in STARTERS
                ):
                    yield function, node


def is_clean(name: str, function: str, call: ast.Call) -> bool:
    given = next((word.value for word in call.keywords if word.arg == "env"), None)
    if isinstance(given, ast.Call) and isinstance(given.func, ast.Name) and given.func.id in MAKERS:
        return True
    return given is not None and HANDED_ON.get(name) == function


def test_every_process_is_started_with_an_environment_without_secrets() -> None:
    calls = [(name, function.name, call) for name, tree in sources("subprocess") for function, call in started(tree)]
    assert len(calls) >= 6
    assert [f"{name}:{call.lineno}" for name, function, call in calls if not is_clean(name, function, call)] == []


def test_no_other_road_to_a_process_is_used() -> None:
    found = []
    for name, tree in sources("os", "subprocess", *FORBIDDEN_MODULES, *FORBIDDEN_NAMES):
        for node in ast.walk(tree):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                names = {one.name.partition(".")[0] for one in node.names} | {getattr(node, "module", None) or ""}
                if names & FORBIDDEN_MODULES or getattr(node, "module", "") == "subprocess":
                    found.append(f"{name}:{node.lineno}")
            elif isinstance(node, ast.Attribute):
                of_os = isinstance(node.value, ast.Name) and node.value.id == "os"
                if node.attr in FORBIDDEN_NAMES or (of_os and node.attr.startswith(FORBIDDEN_IN_OS)):
                    found.append(f"{name}:{node.lineno}")
    assert {one.partition(":")[0] for one in found} == EXECUTES, found


def test_no_child_is_a_git(tmp_path: Path) -> None:
    for name, tree in sources("subprocess"):
        words = [node.value for _, call in started(tree) for node in ast.walk(call) if isinstance(node, ast.Constant)]
        assert "git" not in words, name


SECRETS = {
    "REDIS_URL": "rediss://:hunter22@redis.internal:6380/0",
    "OPTIMUS_PROD_REDIS_URL": "redis://redis.internal",
    "OPTIMUS_HTTP_TOKEN": "abcdefghijklmnop",
    "POSTGRES_DSN": "host=db password=swordfish dbname=x",
    "GITHUB_TOKEN": "ghp_canary",
    "AWS_SECRET_ACCESS_KEY": "canary-aws",
    "DB_PASSWORD": "hunter23",
    "STRIPE_API_KEY": "sk_canary",
    "CELERY_BROKER": "amqp://user:canary@rabbit/",
    "HTTPS_PROXY": "http://user:canary@proxy:3128",
    "COPY_OF_IT": "see hunter22 there",
    "COPY_OF_DSN": "it is swordfish",
    "REDISCLI_AUTH": "hunter22",
}
HARMLESS = {
    "TERM": "xterm", "EDITOR": "vi", "SSH_AUTH_SOCK": "/tmp/agent", "XAUTHORITY": "/home/x/.Xauthority", "LANG": "C",
    "VIRTUAL_ENV": "/venv", "KEYMAP": "de", "PASSENGERS": "3", "TMUX": "/tmp/tmux-0/default,1,0",
}  # fmt: skip


def test_secrets_go_by_name_by_form_and_by_value_and_the_rest_stays() -> None:
    assert child_environment(None, {**SECRETS, **HARMLESS}) == HARMLESS
    assert child_environment(None, {"BROKER": "amqp://u:abc@h/", "SITE": "http://h:1/x"}) == {"SITE": "http://h:1/x"}
    assert minimal_environment(X="1")["X"] == "1"


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Secrets in our own environment, and a program that writes down what it was given."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    program = tmp_path / "bin/tmux"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\nenv > '{tmp_path}/seen'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return tmp_path


def assert_nothing_seen(text: str) -> None:
    assert "PATH=" in text
    assert not [name for name, value in SECRETS.items() if value in text or f"{name}=" in text]
    assert "hunter22" not in text and "swordfish" not in text


def test_the_editor_and_tmux_see_no_secret(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert terminal._run([str(secrets / "bin/tmux")]) == ""
    assert_nothing_seen((secrets / "seen").read_text())
    (secrets / "seen").unlink()
    monkeypatch.setenv("TMUX", "/tmp/x,1,0")

    class NoApp:
        def copy_to_clipboard(self, text: str) -> None:
            pass

    assert "tmux" in terminal.copy(NoApp(), "x")  # type: ignore[arg-type]
    assert_nothing_seen((secrets / "seen").read_text())


def test_the_tests_of_a_draft_and_the_process_that_watches_them_see_no_secret(secrets: Path) -> None:
    runner = SandboxRunner()
    with runner as folder:
        own = Path(f"/proc/{runner._watchdog.pid}/environ")
        if own.exists():
            for _ in range(100):
                if own.read_bytes():  # empty until the kernel has set it up
                    break
                time.sleep(0.02)
            assert_nothing_seen(own.read_bytes().replace(b"\0", b"\n").decode())
        tell = "import os; print(*map('='.join, os.environ.items()), sep='\\n')"
        code, said = runner.run([sys.executable, "-c", tell], folder, minimal_environment(), 20)
        assert code == 0
        assert_nothing_seen(said)


def test_the_demo_sees_no_secret(secrets: Path) -> None:
    done = subprocess.run(
        ["env"], env=demo_environment(Ports(1, 2, 3)), capture_output=True, text=True, timeout=PATIENCE
    )
    said = done.stdout.replace("REDIS_URL=redis://127.0.0.1:1/0", "")
    assert_nothing_seen(said)
