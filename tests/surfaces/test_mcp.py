"""MCP by the SDK's own client, on stdio and streamable HTTP: schemas, structured content, progress, cancel, garbage."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from mcp import Client, StdioServerParameters
from mcp.shared.exceptions import MCPError

from optimus_tui.context import Context
from optimus_tui.contract.tools.common import ToolError
from optimus_tui.contract.tools.state import DiagnoseQuery, DiagnoseReport
from optimus_tui.mcp_server.server import build
from optimus_tui.tools.answer import ToolFailure
from optimus_tui.tools.parts import report
from optimus_tui.tools.registry import TOOLS
from tests.hostile import HostileServer, Writer, hostile_server, silence
from tests.patience import PATIENCE
from tests.realserver import RealServer, nobody_port
from tests.surfaces.world import FAKED, a_report, empty_desk, environment, fake, furnish

VERB = [sys.executable, "-m", "optimus_tui", "mcp"]


@pytest.fixture
async def gateway(server: RealServer) -> AsyncIterator[HostileServer]:
    async with hostile_server() as one:
        furnish(one, server)
        yield one


def stdio(gateway: HostileServer, redis_url: str, home: Path) -> StdioServerParameters:
    env = environment(gateway, redis_url, home)
    return StdioServerParameters(command=VERB[0], args=VERB[1:], env=env, cwd=str(home))


async def test_the_sdks_client_sees_exactly_our_tools_and_their_answers_fit_the_schemas(
    gateway: HostileServer, server: RealServer, tmp_path: Path
) -> None:
    heard: list[tuple[float, float | None, str | None]] = []

    async def hear(*told: Any) -> None:
        heard.append(told)

    async with Client(stdio(gateway, server.url, tmp_path)) as client:
        assert client.server_info is not None and client.server_info.name == "optimus-tui"
        listed = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert list(listed) == list(TOOLS)
        for name, tool in listed.items():
            assert tool.input_schema == TOOLS[name].input_schema()
            hints = tool.annotations
            assert hints is not None and hints.open_world_hint is TOOLS[name].reaches_out
            assert hints.read_only_hint is not bool(TOOLS[name].writes)
            assert TOOLS[name].writes in (tool.description or "")
        posts = listed["test_ai_engine_integration"]
        assert "posts" in (posts.description or "") and "writes" in (posts.description or "")
        for name, arguments in (
            (FAKED, {"tenant_id": "acme"}),
            ("test_ai_engine_integration", {}),
            ("analyze_cache_coherence", {}),
        ):
            heard.clear()
            result = await client.call_tool(name, arguments, progress_callback=hear)  # type: ignore[arg-type]
            assert result.is_error is False
            assert json.loads(result.content[0].text) == result.structured_content
            jsonschema.validate(result.structured_content, listed[name].output_schema)
            shares = [share for share, _, _ in heard]
            assert shares[0] == 0 and shares[-1] == 1 and shares == sorted(set(shares))
        assert any("keys scanned" in (said or "") for _, _, said in heard)


async def test_is_error_stands_exactly_where_run_would_exit_2_3_or_4(gateway: HostileServer, tmp_path: Path) -> None:
    nobody = f"redis://u:CANARY@127.0.0.1:{nobody_port()}/0"
    async with Client(stdio(gateway, nobody, tmp_path), mode="legacy") as client:
        schemas = {tool.name: tool.output_schema for tool in (await client.list_tools()).tools}
        for name, arguments, code in (
            ("nope", {}, "unknown_tool"),
            (FAKED, {"nope": 1}, "bad_argument"),
            (FAKED, {"tenant_id": 7}, "bad_argument"),
            ("test_ai_engine_integration", {"test_type": "all"}, "bad_argument"),
            ("analyze_cache_coherence", {}, "unreachable"),
        ):
            result = await client.call_tool(name, arguments)
            assert result.is_error is True
            assert result.structured_content["error"]["code"] == code
            assert json.loads(result.content[0].text) == result.structured_content
            assert "CANARY" not in result.content[0].text
            if name in schemas:
                jsonschema.validate(result.structured_content, schemas[name])
        finding = await client.call_tool(FAKED, {})
        assert finding.is_error is False and finding.structured_content["overall_status"] == "critical"


@pytest.mark.parametrize(("exit_code", "code"), [(3, "unreachable"), (3, "deadline"), (4, "refused")])
async def test_no_result_is_an_error_with_its_document_and_a_bug_is_none(
    exit_code: int, code: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fails(ctx: Context, query: DiagnoseQuery) -> DiagnoseReport:
        if query.tenant_id == "bug":
            raise ValueError("bearer CANARY")
        raise ToolFailure(ToolError(code=code, message="no result"), exit_code)

    fake(monkeypatch, fails)
    async with Client(build(empty_desk())) as client:
        result = await client.call_tool(FAKED, {})
        assert result.is_error is True and result.structured_content["error"]["code"] == code
        with pytest.raises(MCPError) as caught:
            await client.call_tool(FAKED, {"tenant_id": "bug"})
    assert "CANARY" not in str(caught.value) + caplog.text and "ValueError" in caplog.text


async def test_a_client_that_does_not_read_progress_holds_up_no_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scans(ctx: Context, query: DiagnoseQuery) -> DiagnoseReport:
        for page in range(20_000):
            report(page, None if page % 2 else 20_000, "keys scanned")
        await asyncio.sleep(0.25)
        return a_report()

    heard: list[float] = []

    async def hear(share: float, total: float | None, said: str | None) -> None:
        heard.append(share)
        await asyncio.sleep(0.05)

    fake(monkeypatch, scans)
    async with Client(build(empty_desk())) as client:
        await asyncio.wait_for(client.call_tool(FAKED, {}, progress_callback=hear), PATIENCE)  # type: ignore[arg-type]
    assert heard == sorted(set(heard)) and heard[-1] == 1 and len(heard) < 10


class Frames:
    """A server on pipes, one JSON value a line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    def send(self, frame: object) -> None:
        line = frame if isinstance(frame, bytes) else json.dumps(frame).encode()
        self.process.stdin.write(line + b"\n")

    def ask(self, number: int, method: str, **params: object) -> None:
        self.send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})

    async def next(self) -> dict[str, Any]:
        frame = json.loads(await asyncio.wait_for(self.process.stdout.readline(), 20))
        assert frame["jsonrpc"] == "2.0"
        return frame

    async def greet(self) -> None:
        self.ask(
            0, "initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo={"name": "t", "version": "0"}
        )
        assert (await self.next())["result"]["protocolVersion"] == "2025-06-18"
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})


@asynccontextmanager
async def spoken(command: list[str], env: dict[str, str], home: Path) -> AsyncIterator[Frames]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command, stdin=pipe, stdout=pipe, stderr=pipe, env=env, cwd=home, limit=1 << 24
    )
    try:
        yield Frames(process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def test_garbage_frames_are_answered_and_the_server_lives_row_116(gateway: HostileServer, tmp_path: Path) -> None:
    env = environment(gateway, f"redis://127.0.0.1:{nobody_port()}", tmp_path)
    garbage = (b"{", b"\xff\xfe\x00", b"[]", b"null", b'{"jsonrpc":"1.0","id":1,"method":"ping"}', b"[" * 50_000)
    async with spoken(VERB, env, tmp_path) as frames:
        for line in garbage:  # before the first word as well as after it
            frames.send(line)
            answer = await frames.next()
            assert answer["id"] is None and answer["error"]["code"] in (-32700, -32600)
        await frames.greet()
        for number, line in enumerate(garbage, 1):
            frames.send(line)
            assert "error" in await frames.next()
            frames.ask(number, "tools/list")
            assert len((await frames.next())["result"]["tools"]) == len(TOOLS)
        frames.ask(99, "no/such/method")
        assert (await frames.next())["error"]["code"] == -32601
        frames.process.stdin.close()
        assert await asyncio.wait_for(frames.process.wait(), PATIENCE) == 0
        assert await frames.process.stderr.read() == b""


async def test_odd_ids_blank_lines_a_bom_and_batches_are_answered_as_the_version_has_them(
    gateway: HostileServer, tmp_path: Path
) -> None:
    env = environment(gateway, f"redis://127.0.0.1:{nobody_port()}", tmp_path)
    batch = json.dumps([{"jsonrpc": "2.0", "id": n, "method": "ping"} for n in (7, "8")]).encode()
    hello = {"capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}
    for version in ("2025-03-26", "2025-06-18"):
        async with spoken(VERB, env, tmp_path) as frames:
            frames.send(b"")
            frames.send(b"  \t\r")
            frames.send(b"\xef\xbb\xbf")
            frames.send(b"\xef\xbb\xbf" + batch)
            assert "not initialized" in (await frames.next())["error"]["message"]
            frames.ask(1, "initialize", protocolVersion=version, **hello)
            assert (await frames.next())["result"]["protocolVersion"] == version
            for odd in ("null", "1.5", "1e400", str(10**30), "{}", "[1]", "true", json.dumps("x" * 300)):
                frames.send(f'{{"jsonrpc":"2.0","id":{odd},"method":"ping"}}'.encode())
                answer = await frames.next()
                assert answer["id"] is None and answer["error"]["code"] == -32600, odd
            frames.send(batch)
            answer = json.loads(await asyncio.wait_for(frames.process.stdout.readline(), 20))
            if version == "2025-03-26":
                assert answer == [{"jsonrpc": "2.0", "id": n, "result": {}} for n in (7, "8")]
                frames.send(batch.replace(b'"8"', b"7"))
                refused = await frames.next()
                assert refused["id"] is None and refused["error"]["code"] == -32600
                assert "have the same id" in refused["error"]["message"]
                mixed = [{"jsonrpc": "2.0", "method": "notifications/initialized"}, {"jsonrpc": "2.0", "id": 9}]
                frames.send(json.dumps(mixed).encode())
            else:
                assert "does not allow batches" in answer["error"]["message"]
            frames.send(b"x" * 300_000)
            frames.ask(10, "ping")
            ends = [await frames.next() for _ in range(2 + (version == "2025-03-26"))]
            assert ends[-1] == {"jsonrpc": "2.0", "id": 10, "result": {}}
            assert "262,144 bytes" in str(ends) or "at most" in str(ends)


async def test_cancel_ends_the_call_without_an_answer_and_frees_its_place(
    gateway: HostileServer, server: RealServer, tmp_path: Path
) -> None:
    asked = asyncio.Semaphore(0)

    async def hangs(writer: Writer) -> None:
        asked.release()
        await silence(writer)

    gateway.on("/health", hangs)
    async with spoken(VERB, environment(gateway, server.url, tmp_path), tmp_path) as frames:
        await frames.greet()
        for number in range(1, 6):  # one more than there are places
            frames.ask(number, "tools/call", name=FAKED, arguments={})
            for _ in ("gateway", "engine"):
                await asyncio.wait_for(asked.acquire(), PATIENCE)
            frames.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": number}})
        frames.ask(6, "tools/call", name=FAKED, arguments={"nope": True})
        answer = await frames.next()
        assert answer["id"] == 6 and answer["result"]["isError"] is True


NOISY = """
import sys, logging, os, subprocess
from types import SimpleNamespace
from tests.surfaces.world import FAKED, a_report
from optimus_tui.contract.tools.state import DiagnoseQuery, DiagnoseReport
from optimus_tui.tools.registry import TOOLS
async def run(ctx, query):
    print("noise"); logging.error("a log line"); os.write(1, b"raw noise\\n"); subprocess.run(["echo", "a child"])
    return a_report()
TOOLS[FAKED].__dict__["code"] = SimpleNamespace(QUERY=DiagnoseQuery, REPORT=DiagnoseReport, run=run, found=bool)
from optimus_tui.__main__ import main
sys.argv = ["optimus-tui", "mcp"]
main()
"""


async def test_stdout_carries_frames_only_whoever_prints_row_116(gateway: HostileServer, tmp_path: Path) -> None:
    root = str(Path(__file__).parents[2])
    env = {**environment(gateway, f"redis://127.0.0.1:{nobody_port()}", tmp_path), "PYTHONPATH": root}
    async with spoken([sys.executable, "-c", NOISY], env, tmp_path) as frames:
        await frames.greet()
        for number in (1, 2):
            frames.ask(number, "tools/call", name=FAKED, arguments={})
            assert (await frames.next())["result"]["isError"] is False
        frames.process.stdin.close()
        assert await frames.process.stdout.read() == b""
        said = await frames.process.stderr.read()
        assert b"raw noise" in said and b"a log line" in said


async def test_streamable_http_speaks_both_eras_behind_the_same_door_rows_111_to_114(
    gateway: HostileServer, server: RealServer, tmp_path: Path
) -> None:
    env = environment(gateway, server.url, tmp_path)
    async with spoken([*VERB, "--http", "--port", "0"], env, tmp_path) as frames:
        said = (await asyncio.wait_for(frames.process.stderr.readline(), PATIENCE)).decode()
        url = said.split()[4].rstrip(",")
        assert url.endswith("/mcp"), said
        for mode in ("auto", "legacy"):
            async with Client(url, mode=mode) as client:
                assert [tool.name for tool in (await client.list_tools()).tools] == list(TOOLS)
                result = await client.call_tool(FAKED, {"tenant_id": "acme"})
                assert result.is_error is False
                assert json.loads(result.content[0].text) == result.structured_content
        kind = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        async with httpx.AsyncClient(trust_env=False) as http:
            for headers, status in (
                ({"Host": "evil.com"}, 421),
                ({"Host": url.split("/")[2] + "0"}, 421),
                ({"Origin": "null"}, 403),
                ({"X-Forwarded-For": "127.0.0.1"}, 401),
            ):
                assert (await http.post(url, json=ping, headers={**kind, **headers})).status_code == status
            assert (await http.post(url, content=b" " * 300_000, headers=kind)).status_code == 413
            assert (await http.post(url, content=b"{}", headers={"Content-Type": "text/plain"})).status_code in (
                400,
                406,
            )


async def test_beyond_loopback_mcp_wants_the_token_row_112(
    gateway: HostileServer, server: RealServer, tmp_path: Path
) -> None:
    env = environment(gateway, server.url, tmp_path)
    async with spoken([*VERB, "--http", "--host", "0.0.0.0", "--port", "0"], env, tmp_path) as frames:
        lines = [(await asyncio.wait_for(frames.process.stderr.readline(), PATIENCE)).decode() for _ in range(3)]
        token = (tmp_path / "optimus-tui" / "mcp.token").read_text().strip()
        assert token not in "".join(lines)
        url = lines[2].split()[4].rstrip(",").replace("0.0.0.0", "127.0.0.1")
        async with httpx.AsyncClient(trust_env=False, headers={"Authorization": f"Bearer {token}x"}) as http:
            assert (await http.post(url, json={})).status_code == 401
            assert (await http.post(f"{url}?token={token}", json={})).status_code == 401
            good = {"Authorization": f"Bearer {token}", "Accept": "application/json, text/event-stream"}
            assert (await http.post(url, json={}, headers=good)).status_code == 400
