"""The tools over HTTP on a real uvicorn: example 5's line, exact doors, limits, and nobody's fault but the caller's."""

import asyncio
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from optimus_tui.__main__ import run as cli
from optimus_tui.context import Context
from optimus_tui.contract.tools.common import ToolError
from optimus_tui.contract.tools.state import DiagnoseQuery, DiagnoseReport
from optimus_tui.http_api import at_mcp, tools_app
from optimus_tui.serving.asgi import AccessControlMiddleware, BodyRefused, read_body
from optimus_tui.serving.dispatcher import ToolDispatcher
from optimus_tui.serving.listen import CannotListen, ListeningSocket, bind, token_for
from optimus_tui.tools.answer import ToolFailure
from optimus_tui.tools.registry import TOOLS
from tests.hostile import hostile_server
from tests.patience import PATIENCE
from tests.realserver import RealServer
from tests.surfaces.world import FAKED, a_report, context, empty_desk, fake, furnish, no_settings, on_the_wire, raw_post

JSON = {"Content-Type": "application/json"}
TOKEN = "a-token-of-this-test-only"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    with no_settings(monkeypatch, tmp_path):
        yield


def client(port: int, **more: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=15, **more)


async def test_example_5_works_as_written_on_a_mounted_app(
    server: RealServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with hostile_server() as gateway:
        furnish(gateway, server)
        monkeypatch.setenv("AI_ENGINE_URL", gateway.url)
        monkeypatch.setenv("BACKEND_ORCHESTRATOR_URL", gateway.url)
        monkeypatch.setenv("REDIS_URL", server.url)
        application = FastAPI()
        mounted = tools_app(token=None)
        application.mount("/mcp", mounted)
        async with on_the_wire(application) as port:
            line = (
                f"curl -s -X POST http://localhost:{port}/mcp/test_ai_engine_integration "
                '-H "Content-Type: application/json" -d \'{"test_type": "connectivity"}\''
            )
            shell = await asyncio.create_subprocess_shell(line, stdout=subprocess.PIPE)
            said, _ = await shell.communicate()
            document = json.loads(said)
            assert document["overall_status"] == "all_pass"
            async with client(port) as http:
                listed = (await http.get("/mcp/")).json()["tools"]
                assert [tool["name"] for tool in listed] == list(TOOLS)
                (await http.get("/mcp", follow_redirects=True)).raise_for_status()
            await mounted.aclose()


async def test_every_way_to_fail_has_its_status_and_the_same_error_body_row_114(server: RealServer) -> None:
    async with hostile_server() as gateway:
        furnish(gateway, server)
        server_desk = ToolDispatcher(lambda: context(gateway, server))
        async with on_the_wire(AccessControlMiddleware(at_mcp(server_desk))) as port, client(port) as http:
            for path, body, status, code in (
                ("/mcp/nope", "{}", 404, "unknown_tool"),
                (f"/mcp/{FAKED}", '{"nope": 1}', 422, "bad_argument"),
                (f"/mcp/{FAKED}", '{"tenant_id": 1}', 422, "bad_argument"),
                (f"/mcp/{FAKED}", "{", 422, "bad_argument"),
                (f"/mcp/{FAKED}", "[" * 100_000, 422, "bad_argument"),
                ("/mcp/test_ai_engine_integration", '{"test_type": "all"}', 422, "bad_argument"),
                ("/elsewhere", "{}", 404, "bad_argument"),
            ):
                answer = await http.post(path, content=body, headers=JSON)
                assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), path
            good = await http.post(f"/mcp/{FAKED}", content="", headers=JSON)
            assert good.status_code == 200
            assert good.json()["rate_limiting"]["total_limit_keys"] == 2


@pytest.mark.parametrize(
    ("code", "exit_code", "status"), [("unreachable", 3, 503), ("deadline", 3, 503), ("refused", 4, 403)]
)
async def test_exit_3_is_503_and_exit_4_is_403(
    code: Any, exit_code: int, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(ctx: Context, query: DiagnoseQuery) -> DiagnoseReport:
        raise ToolFailure(ToolError(code=code, message="no result"), exit_code)

    fake(monkeypatch, fails)
    async with on_the_wire(AccessControlMiddleware(at_mcp(empty_desk()))) as port, client(port) as http:
        answer = await http.post(f"/mcp/{FAKED}", content="{}", headers=JSON)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.headers.get("retry-after") == ("1" if status == 503 else None)
    assert set(answer.json()) == {"schema_version", "tool", "timestamp", "error"}


async def test_a_bug_in_a_tool_is_500_and_its_log_holds_no_secret(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def breaks(ctx: Context, query: DiagnoseQuery) -> DiagnoseReport:
        raise ValueError("redis://u:CANARY@h \x1b[31m")

    fake(monkeypatch, breaks)
    async with on_the_wire(AccessControlMiddleware(at_mcp(empty_desk()))) as port, client(port) as http:
        answer = await http.post(f"/mcp/{FAKED}", content="{}", headers=JSON)
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal")
    assert "ValueError" in caplog.text and "breaks" not in answer.text
    assert "CANARY" not in caplog.text + answer.text and "\x1b" not in caplog.text


async def test_forms_preflights_and_gets_change_nothing_row_113(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0

    async def counts(ctx: Context, query: DiagnoseQuery) -> DiagnoseReport:
        nonlocal calls
        calls += 1
        return a_report()

    fake(monkeypatch, counts)
    async with on_the_wire(AccessControlMiddleware(at_mcp(empty_desk()))) as port, client(port) as http:
        origin = {"Origin": f"http://127.0.0.1:{port}"}
        preflight = {
            **origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type",
        }
        path, wrong = f"/mcp/{FAKED}", []
        wrong.append(await http.options(path, headers=preflight))
        wrong += [await http.request(method, path) for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH")]
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonp", ""):
            wrong.append(await http.post(path, content="{}", headers={"Content-Type": kind}))
        wrong.append(await http.post(path, content="{}", headers={**JSON, "Content-Encoding": "gzip"}))
        assert {answer.status_code for answer in wrong} == {405, 415}
        assert calls == 0
        right = await http.post(
            path, content="{}", headers={"Content-Type": "Application/JSON; charset=utf-8", **origin}
        )
        assert (right.status_code, calls) == (200, 1)
    for answer in (*wrong, right):
        assert not [name for name in answer.headers if name.startswith("access-control")]


HOSTS = (
    "evil.com", "127.0.0.1:evil.com", "localhost:{port}.evil.com", "localhost:{port}@evil.com", "localhost",
    "127.0.0.1", "localhost:{other}", "127.0.0.1.evil.com:{port}", "127.0.0.1:{port}0", "[::1]:{other}",
    "localhost.:{port}", "0:{port}", "127.1:{port}", "2130706433:{port}", "xlocalhost:{port}", "localhost:{port}/x",
    "localhost:{port}, evil.com", "\xff", "",
)  # fmt: skip
ORIGINS = (
    "null", "http://evil.com", "https://localhost.evil.com:{port}", "http://localhost:{other}", "*", "",
    "http://127.0.0.1:{port}.evil.com", "http://localhost", "file://", "chrome-extension://abc", "localhost:{port}",
    "http://localhost:{port}/", "http://localhost:{port} http://evil.com",
)  # fmt: skip
TOKENS = (
    None, "", "Bearer", "Bearer ", "Bearer wrong", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"bearer{TOKEN}", TOKEN,
    f"Basic {TOKEN}", f"Bearer {TOKEN.upper()}", f"Bearer {TOKEN}, {TOKEN}", f'Bearer "{TOKEN}"', "Bearer \xff\xfe",
)  # fmt: skip
PASSED_ON = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "x-forwarded-proto", "X-Real-IP", "Via", "X-Forwarded")


def _forged(dice: random.Random, kind: str, port: int, guarded: bool) -> tuple[str, list[tuple[str, str]]]:
    """A request that is right but for one thing."""
    path, host = f"/mcp/{FAKED}", ("Host", f"localhost:{port}")
    good = [host, ("Authorization", f"Bearer {TOKEN}")] if guarded else [host]
    if kind == "host":
        return path, [("Host", dice.choice(HOSTS).format(port=port, other=port ^ 1)), *good[1:]]
    if kind == "two hosts":
        return path, dice.sample([*good, ("Host", "evil.com")], len(good) + 1)
    if kind == "origin":
        return path, [*good, ("Origin", dice.choice(ORIGINS).format(port=port, other=port ^ 1))]
    if kind == "proxy":
        return path, [host, (dice.choice(PASSED_ON), "127.0.0.1")]
    if kind == "token":
        token = dice.choice(TOKENS)
        return path, [host] if token is None else [host, ("Authorization", token)]
    return f"{path}?token={TOKEN}&access_token={TOKEN}", [host] if guarded else [host, ("Forwarded", "for=127.0.0.1")]


async def test_of_200_forged_requests_none_passes_rows_111_and_112(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(ctx: Context, query: DiagnoseQuery) -> DiagnoseReport:
        raise AssertionError("a forged request came through")

    fake(monkeypatch, never)
    dice, seen = random.Random(111), []
    async with (
        on_the_wire(AccessControlMiddleware(at_mcp(empty_desk()))) as open_port,
        on_the_wire(AccessControlMiddleware(at_mcp(empty_desk()), TOKEN)) as shut_port,
    ):
        for number in range(200):
            guarded = bool(number % 2)
            port = shut_port if guarded else open_port
            kind = dice.choice(("host", "origin", "token" if guarded else "proxy", "two hosts", "query"))
            path, headers = _forged(dice, kind, port, guarded)
            status, body = await raw_post(port, path, [("Content-Type", "application/json"), *headers])
            assert status in (400, 401, 403, 421), (kind, headers)
            assert TOKEN.encode() not in body
            seen.append(status)
    assert len(seen) == 200
    assert {401, 403, 421} <= set(seen)


async def test_the_right_token_and_exact_names_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    async def answers(ctx: Context, query: DiagnoseQuery) -> DiagnoseReport:
        return a_report()

    fake(monkeypatch, answers)
    door = AccessControlMiddleware(at_mcp(empty_desk()), TOKEN, names=("Gateway.internal",), hosts=("tools.example",))
    async with on_the_wire(door) as port, client(port) as http:
        for host in (
            "localhost:{}",
            "127.0.0.1:{}",
            "[::1]:{}",
            "LOCALHOST:{}",
            "gateway.internal:{}",
            "tools.example",
        ):
            name = host.format(port)
            headers = {**JSON, "Host": name, "Authorization": f"bearer {TOKEN}", "X-Forwarded-For": "10.0.0.1"}
            for origin in ({}, {"Origin": f"http://{name}"}, {"Origin": f"https://{name.lower()}"}):
                answer = await http.post(f"/mcp/{FAKED}", content="{}", headers={**headers, **origin})
                assert answer.status_code == 200, (name, origin)


@pytest.mark.parametrize(
    "peer", [("10.0.0.7", 1), ("::ffff:10.0.0.7", 1), ("fe80::1", 1), None, ("", 0), ("testclient", 1)]
)
def test_a_mounted_app_without_a_token_knows_only_this_machine(peer: Any) -> None:
    door = AccessControlMiddleware(at_mcp(empty_desk()))
    scope = {"headers": [(b"host", b"localhost:8020")], "client": peer, "server": ("127.0.0.1", 8020)}
    refusal = door.judge(scope)
    assert refusal is not None and refusal.status == 401
    for near in ("127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"):
        assert door.judge({**scope, "client": (near, 1)}) is None


async def test_a_body_of_5_mb_is_refused_and_kept_nowhere_row_114() -> None:
    async with on_the_wire(AccessControlMiddleware(at_mcp(empty_desk()))) as port, client(port) as http:

        async def chunks() -> Any:
            for _ in range(50):
                yield b" " * 100_000

        for content in (b" " * 5_000_000, chunks()):
            answer = await http.post(f"/mcp/{FAKED}", content=content, headers=JSON)
            assert (answer.status_code, answer.json()["error"]["code"]) == (413, "bad_argument")

    async def never() -> Any:
        await asyncio.sleep(60)

    with pytest.raises(BodyRefused, match="complete within") as late:
        await read_body(never, 0.2)
    assert late.value.status == 408


async def test_1000_parallel_calls_are_answered_four_at_a_time_row_114(monkeypatch: pytest.MonkeyPatch) -> None:
    running = most = 0

    async def slow(ctx: Context, query: DiagnoseQuery) -> DiagnoseReport:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.02)
        running -= 1
        return a_report()

    fake(monkeypatch, slow)

    async def one(port: int) -> tuple[int, str]:
        headers = [("Host", f"localhost:{port}"), ("Content-Type", "application/json")]
        status, body = await raw_post(port, f"/mcp/{FAKED}", headers)
        return status, json.loads(body).get("error", {}).get("code", "")

    async with on_the_wire(AccessControlMiddleware(at_mcp(empty_desk(patience_seconds=1.0)))) as port:
        answers = await asyncio.wait_for(asyncio.gather(*(one(port) for _ in range(1000))), PATIENCE)
        assert set(answers) <= {(200, ""), (503, "busy")}
        assert answers.count((200, "")) >= 4
        assert most == 4
        assert await one(port) == (200, "")


async def test_a_caller_who_hangs_up_ends_the_call_row_114(monkeypatch: pytest.MonkeyPatch) -> None:
    started, ended, calls = asyncio.Event(), asyncio.Event(), list[str]()

    async def waits(ctx: Context, query: DiagnoseQuery) -> DiagnoseReport:
        calls.append("started")
        started.set()
        try:
            await asyncio.sleep(60)
        finally:
            calls.append("ended")
            ended.set()
        return a_report()

    fake(monkeypatch, waits)
    async with on_the_wire(AccessControlMiddleware(at_mcp(empty_desk()))) as port:
        for _ in range(5):  # one more than there are places
            started.clear()
            ended.clear()
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            head = f"POST /mcp/{FAKED} HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Type: application/json\r\n"
            writer.write(f"{head}Content-Length: 2\r\n\r\n{{}}".encode())
            await asyncio.wait_for(started.wait(), PATIENCE)
            writer.close()
            await asyncio.wait_for(ended.wait(), PATIENCE)
    assert calls == ["started", "ended"] * 5


async def test_a_bad_configuration_is_said_and_mended_without_a_restart(
    monkeypatch: pytest.MonkeyPatch, server: RealServer
) -> None:
    monkeypatch.setenv("REDIS_URL", "gopher://u:CANARY@h")
    app = tools_app()
    async with on_the_wire(app) as port, client(port) as http:
        answer = await http.post(f"/{FAKED}", content="{}", headers=JSON)
        assert (answer.status_code, answer.json()["error"]["code"]) == (500, "bad_configuration")
        assert "REDIS_URL" in answer.text and "CANARY" not in answer.text
        monkeypatch.setenv("REDIS_URL", server.url)
        assert (await http.post(f"/{FAKED}", content="{}", headers=JSON)).status_code == 200
        await app.aclose()


def test_beyond_loopback_there_is_always_a_token_of_this_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def token(bound: ListeningSocket) -> str | None:
        with bound.socket:
            return token_for(bound, "serve")

    assert token(bind("localhost", 0)) is None
    first, second = token(bind("0.0.0.0", 0)), token(bind("0.0.0.0", 0))
    assert first and second and first != second
    kept = tmp_path / "optimus-tui" / "serve.token"
    assert kept.read_text().strip() == second
    assert kept.stat().st_mode & 0o777 == 0o600
    said = capsys.readouterr().err
    assert str(kept) in said and second not in said
    monkeypatch.setenv("OPTIMUS_HTTP_TOKEN", TOKEN)
    assert token(bind("127.0.0.1", 0)) == TOKEN
    monkeypatch.setenv("OPTIMUS_HTTP_TOKEN", "short")
    with pytest.raises(CannotListen):
        token(bind("0.0.0.0", 0))


def test_a_port_in_use_or_a_missing_package_is_one_sentence_and_exit_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with bind("127.0.0.1", 0).socket as taken:
        assert cli(["serve", "--port", str(taken.getsockname()[1])]) == 2
    assert "cannot listen on 127.0.0.1" in capsys.readouterr().err
    assert cli(["mcp", "--port", "1"]) == 2
    assert "--http" in capsys.readouterr().err
    monkeypatch.setattr("optimus_tui.cli.serve._missing", lambda *names: True)
    for verb in ("serve", "mcp"):
        assert cli([verb]) == 2
        said = capsys.readouterr().err
        assert "pip install 'optimus-tui[mcp]'" in said and said.count("\n") == 1


def test_mounting_loads_no_client_no_sdk_and_no_tool() -> None:
    heavy = ("mcp", "mcp_types", "starlette", "uvicorn", "redis", "httpx", "pydantic", "textual", "jinja2")
    probe = (
        "import sys; from optimus_tui.http_api import tools_app; tools_app(token=None)\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr
