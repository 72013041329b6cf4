"""Observer mode on the wire (figure F8), without a screen: every verb, tool and endpoint, and 0 writes. Row 77.

Arguments come from the tools' own schemas, verbs from the command's own groups: what is new and has no entry fails.
"""

import asyncio
import contextlib
import json
import os
import random
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click
import httpx
import pytest
from mcp import Client, StdioServerParameters

from optimus_tui.__main__ import cli, run
from optimus_tui.tools.registry import TOOLS
from tests.amounts import amount
from tests.live.observed import LOGIN_PAGE, System, observed, observer_rights
from tests.live.witness import refused_writes
from tests.patience import PATIENCE
from tests.realserver import RealServer
from tests.standin import point_to
from tests.tui.actions.interruption import interrupt

pytestmark = pytest.mark.live

EVERY = amount(7, 1)
"""Of the hostile texts one of so many is given to a field on each surface, others to the next field, or each."""
AT_ONCE = 4
"""Calls that run beside each other: most of their time is waiting between looks."""
GIVEN: dict[str, Any] = {"router_name": "order_items", "router_path": "chat.py", "issue_type": "cache_miss"}
"""A sensible value for what a tool cannot do without."""
HOSTILE = ("acme", "*", "a:b", "acme\r\nFLUSHALL\r\n", "x" * 4096, '"; redis.call("DEL", "k") --', "\x00\x1b[2J")
VERBS: dict[str, list[list[str]]] = {
    "tools": [[], ["--json"], *([name] for name in TOOLS)],
    "standup": [[], ["--json"], ["--md"], ["--html"]],
    "compare": [["acme", "clinic_b"], ["acme", "clinic_b", "--minutes", "1", "--json"]],
    "doctor": [[]],
    "init": [["copy"]],
    "scaffold new": [["order_items", "--dry-run"], ["order_items", "--yes"]],
    "scaffold undo": [[]],
    "validate": [[], ["--live"], ["--level", "production_ready", "--format", "sarif"], ["--write-baseline"]],
    "rules": [[], ["--format", "json"]],
    "incident open": [["--title", "x"], ["--title", "y", "--began", "10m"]],
    "incident run": [*([["1"]] * 2), ["1", "--issue", "rate_limiting", "--tenant", "acme"], *([["1"]] * 3)],
    "incident list": [[], ["--json"]],
    "incident show": [["1"], ["1", "--json"]],
    "incident resume": [["1"], ["1", "--repair"]],
    "incident note": [["1", "a note"]],
    "incident export": [["1"], ["1", "--html"]],
    "incident close": [["1", "--cause", "a", "--resolution", "b"], ["2", "--cause", "a", "--resolution", "b"]],
    "audit show": [[], ["--json"], ["--last", "3"]],
    "audit verify": [[]],
    "audit rotate": [[]],
    "audit accept-break": [["--reason", "lost with the disk"]],
    "dialect list": [[], ["--format", "json"]],
    "dialect show": [["limits"], ["none"]],
    "dialect detect": [[], ["--format", "json"]],
    "dialect test": [["optimus"], ["limits", "--format", "json"], ["absent.toml"]],
    "record": [["--minutes", "0.03"]],
    "run": [],
}
"""Words for each verb, in the order in which they make sense; those of ``run`` are made from the schemas."""
ELSEWHERE = {"mcp": "as a process, below", "serve": "as a process, below", "demo": "as a process, below"}


@pytest.fixture
def system(make_server: Callable[..., RealServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    server = make_server()
    with observed(server, tmp_path, before=lambda: interrupt(server, tmp_path / "state")) as one:
        point_to(monkeypatch, tmp_path, one.services.url, one.services.url, one.server.url)
        for name, value in (("BACKEND_ORCHESTRATOR_PATH", str(one.source)), ("XDG_CACHE_HOME", str(tmp_path / "c"))):
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("HOME", str(tmp_path))
        yield one


def asked(name: str, every: int = 1) -> list[dict[str, Any]]:
    """Arguments of a tool: each value of each enumeration and switch, the bounds of numbers, hostile texts.

    Args:
        name: The tool.
        every: Take each ``every``-th of the hostile texts only, others for the next field and tool.
    """
    schema = TOOLS[name].input_schema()
    needed = {one: GIVEN[one] for one in schema["required"]}
    made = [needed]
    for place, (field, about) in enumerate(schema["properties"].items(), start=list(TOOLS).index(name)):
        kinds = about.get("anyOf", [about])
        values = [value for kind in kinds for value in _values(field, kind)]
        hostile = [value for value in values if value in HOSTILE]
        values = [*hostile[place % every :: every], *(value for value in values if value not in hostile)]
        made += [{**needed, field: value} for value in values]
    return made


def sensible(name: str) -> dict[str, Any]:
    """Arguments that the tool takes."""
    return {field: GIVEN[field] for field in TOOLS[name].input_schema()["properties"] if field in GIVEN}


def _values(field: str, about: dict[str, Any]) -> list[Any]:
    if "enum" in about:
        return list(about["enum"])
    if about.get("type") == "array":
        inner = about["items"].get("enum")
        return [[one] for one in inner] if inner else [["note:str?", "day:date"]]
    if about.get("type") == "boolean":
        return [True, False]
    if about.get("type") == "integer":
        return [about["minimum"], about["maximum"]]
    if about.get("type") == "string":
        return [*HOSTILE, GIVEN[field]] if field in GIVEN else list(HOSTILE)
    return [None]


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Every verb that there is."""
    if not isinstance(command, click.Group):
        yield " ".join(path)
        return
    inner = click.Context(command)
    for name in command.list_commands(inner):
        found = command.get_command(inner, name)
        assert found is not None
        yield from leaves(found, (*path, name))


def lose_the_last_record(folder: Path) -> None:
    audit = folder / "state" / "optimus-tui" / "audit.jsonl"
    audit.write_bytes(b"".join(audit.read_bytes().splitlines(keepends=True)[:-1]))


def test_every_verb_of_the_command_line_writes_nothing_row_77(system: System, capsys: Any, tmp_path: Path) -> None:
    assert set(leaves(cli)) == set(VERBS) | set(ELSEWHERE), "a verb without words to try it with"
    codes: dict[str, set[int]] = {}
    for verb, many in VERBS.items():
        if verb == "audit accept-break":
            lose_the_last_record(tmp_path)
        for words in many:
            codes.setdefault(verb, set()).add(run([*verb.split(), *words]))
    for name in TOOLS:
        for arguments in asked(name, EVERY):
            codes.setdefault(f"run {name}", set()).add(run(["run", name, json.dumps(arguments), "--json"]))
    capsys.readouterr()
    assert 70 not in set().union(*codes.values()), codes
    for verb, seen in codes.items():
        assert seen & {0, 1}, f"{verb} never worked: {seen}"
    account = system.proven(300)
    assert sum(one.words[0] == b"SET" for one in account.writes) >= 5, "the integration test never ran"


def test_the_readmes_login_is_refused_nothing_but_the_tests_own_key_row_77(
    system: System, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    system.witness.link.ask("ACL", "SETUSER", "optimus_observer", "-set", "-unlink")
    monkeypatch.setenv("REDIS_URL", system.server.url.replace("://", "://optimus_observer:CHANGE-ME@"))
    for name in TOOLS:
        assert run(["run", name, json.dumps(sensible(name)), "--json"]) in (0, 1), capsys.readouterr()
    for verb in ("standup", "doctor"):
        run([verb])
    refused = refused_writes(system.witness)
    assert {(one["reason"], one["object"]) for one in refused} == {("command", "set")}, refused
    assert [one for one in system.witness.account().writes if one.words[0] != b"ACL"] == []


def test_the_integration_test_is_skipped_for_the_readmes_login_and_passes_with_one_more_right(
    system: System, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    system.witness.link.ask("ACL", "SETUSER", "optimus_observer", *observer_rights())
    monkeypatch.setenv("REDIS_URL", system.server.url.replace("://", "://optimus_observer:CHANGE-ME@"))

    def cache_test() -> dict[str, Any]:
        run(["run", "test_ai_engine_integration", '{"test_type": "connectivity"}', "--json"])
        tests = json.loads(capsys.readouterr().out)["tests_performed"]
        (found,) = [test for test in tests if test["test"] == "cache_integration"]
        return dict(found)

    before = cache_test()
    assert (before["status"], before["reason"]) == ("skipped", "no permission")
    (more,) = re.findall(r"^ACL SETUSER optimus_observer (\"\(.+)$", LOGIN_PAGE.read_text("utf-8"), re.MULTILINE)
    system.witness.link.ask("ACL", "SETUSER", "optimus_observer", *shlex.split(more))
    assert cache_test()["status"] == "pass"


async def test_no_tool_over_mcp_writes_row_77(system: System) -> None:
    params = StdioServerParameters(
        command=sys.executable, args=["-m", "optimus_tui", "mcp"], env=dict(os.environ), cwd=str(Path.cwd())
    )
    turns = asyncio.Semaphore(AT_ONCE)

    async def answers(client: Client, name: str, arguments: dict[str, Any]) -> bool:
        async with turns:
            return not (await client.call_tool(name, arguments)).is_error

    async with Client(params) as client:
        assert [one.name for one in (await client.list_tools()).tools] == list(TOOLS)
        calls = [(name, one) for name in TOOLS for one in [*asked(name, EVERY), {"nope": 1}, {"tenant_id": 7}]]
        answered = sum(await asyncio.gather(*(answers(client, *call) for call in calls)))
        for name in ("nope", "reset_counters", "unlink_no_ttl", "FLUSHALL"):
            assert (await client.call_tool(name, {"tenant": "acme"})).is_error
    assert answered > 40
    await asyncio.to_thread(system.proven, 200)


@contextlib.contextmanager
def serving(*words: str) -> Iterator[str]:
    """A verb that serves, as a process; the address that it says."""
    process = subprocess.Popen([sys.executable, "-m", "optimus_tui", *words], stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        said = process.stderr.readline()
        found = [word.rstrip(",") for word in said.split() if word.startswith("http://")]
        assert found, said
        yield found[0]
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
        assert process.stderr is not None
        process.stderr.close()


def test_no_endpoint_writes_row_77(system: System) -> None:
    dice = random.Random(77)
    kind = {"Content-Type": "application/json"}
    with (
        serving("serve", "--port", "0") as url,
        httpx.Client(trust_env=False, timeout=PATIENCE) as http,
        ThreadPoolExecutor(AT_ONCE) as threads,
    ):

        def answers(call: tuple[str, dict[str, Any]]) -> bool:
            return http.post(f"{url}/{call[0]}", json=call[1]).status_code == 200

        answered = sum(threads.map(answers, [(name, one) for name in TOOLS for one in asked(name, EVERY)]))
        paths = [
            url,
            f"{url}/",
            url[:-4],
            *(f"{url}/{name}" for name in (*TOOLS, "nope", "reset_counters", "%2e%2e/x")),
        ]
        for path in paths:
            for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "FLUSHALL"):
                http.request(method, path, content=b"{}", headers=kind)
        bodies = [b"", b"{", b"[" * 100_000, b"*1\r\n$8\r\nFLUSHALL\r\n", b"\xff\x00", b'{"tenant_id":"*"}', b"null"]
        bodies += [dice.randbytes(200) for _ in range(5)]
        for name in TOOLS:
            for body in bodies:
                http.post(f"{url}/{name}", content=body, headers=kind)
    assert answered > 40
    system.proven(200)


async def test_mcp_over_http_and_a_demo_beside_it_write_nothing_row_77(system: System, tmp_path: Path) -> None:
    with serving("mcp", "--http", "--port", "0") as url:
        async with Client(url) as client:
            for name in TOOLS:
                await client.call_tool(name, asked(name)[0])
    demo = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "optimus_tui", "demo", "--headless", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        assert demo.stdout is not None
        said = await asyncio.wait_for(demo.stdout.readline(), PATIENCE)
        assert said.startswith(b"export "), said
    finally:
        demo.terminate()
        await asyncio.wait_for(demo.communicate(), PATIENCE)
    await asyncio.to_thread(system.proven, 30)
