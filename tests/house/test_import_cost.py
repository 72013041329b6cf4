"""What a short command may load: a shell that completes a word does not wait for a dashboard."""

import json
import os
import subprocess
import sys

import pytest

HEAVY = ("textual", "rich", "redis", "httpx", "msgspec", "jinja2", "pydantic", "fastapi", "mcp", "psycopg", "asyncio")
PROBE = """
import json, sys
from optimus_tui.__main__ import run
code = run(sys.argv[1:])
print(json.dumps([code, sorted(name for name in %r if name in sys.modules)]))
"""


def loaded_by(*arguments: str) -> tuple[int, list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", PROBE % (HEAVY,), *arguments], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    code, names = json.loads(done.stdout.splitlines()[-1])
    return code, names


@pytest.mark.parametrize(
    "arguments", [("--version",), ("--help",), ("demo", "--help"), ("init", "--help"), ("--nonsense",)]
)
def test_help_and_version_load_nothing_heavy(arguments: tuple[str, ...]) -> None:
    code, names = loaded_by(*arguments)
    assert code == (2 if arguments == ("--nonsense",) else 0)
    assert names == []


def test_init_loads_nothing_of_the_network(tmp_path: object) -> None:
    code, names = loaded_by("init", f"{tmp_path}/new")
    assert (code, names) == (0, [])


def test_a_refused_configuration_loads_no_screen_and_no_client() -> None:
    code, names = loaded_by("doctor", "--refresh", "0.1")
    assert code == 2
    assert not {"textual", "redis", "httpx"} & set(names)


TOOL_PROBE = """
import json, sys
from optimus_tui.__main__ import run
code = run(["run", "diagnose_gateway_health"])
own = sum(name.startswith("optimus_tui") for name in sys.modules)
needless = [name for name in ("textual", "rich", "pygments", "opentelemetry", "httpx._main") if name in sys.modules]
print(json.dumps([code, needless, own, len(sys.modules)]))
"""
TOOL_BUDGET = {"own modules": 175, "modules": 610}
"""What one tool may load, from the command line: a person waits for it each time."""


def test_one_tool_loads_no_more_than_it_needs() -> None:
    nobody = dict.fromkeys(("BACKEND_ORCHESTRATOR_URL", "AI_ENGINE_URL"), "http://127.0.0.1:1")
    env = {**os.environ, **nobody, "REDIS_URL": "redis://127.0.0.1:1/0"}
    done = subprocess.run(
        [sys.executable, "-c", TOOL_PROBE], capture_output=True, text=True, timeout=60, env=env, check=True
    )
    code, needless, own, modules = json.loads(done.stdout.splitlines()[-1])
    assert (code, needless) == (1, [])
    assert own <= TOOL_BUDGET["own modules"]
    assert modules <= TOOL_BUDGET["modules"]
