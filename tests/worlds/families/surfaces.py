"""The same system over MCP, HTTP and pipelines: an answer is never thrown away, and a right question never refused."""

import asyncio
import contextlib
import json
import sys
import urllib.request

from tests.realserver import free_port
from tests.worlds.catalogue import world
from tests.worlds.traffic import answering, steady
from tests.worlds.world import World


@world()
async def pipelines(w: World) -> None:
    """``standup | true`` is 0 also under pipefail; a closed stdout is 2."""
    w.counter("rate_limit:acme:chat", 5)
    w.settle()
    for words, wanted in (("standup | true", 0), ("standup >&-", 2), ("standup > /dev/null", 0)):
        shell = f"set -o pipefail; {sys.executable} -m optimus_tui {words}"
        process = await asyncio.create_subprocess_exec(
            "bash", "-c", shell, env=w.env, cwd=w.home, stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        _, err = await process.communicate()
        w.expect(words, str(wanted), f"{process.returncode} {err.decode()[-200:]}", process.returncode == wanted)


async def _post(url: str, body: bytes) -> tuple[int, dict]:  # type: ignore[type-arg]
    def post() -> tuple[int, dict]:  # type: ignore[type-arg]
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=12) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, {}

    return await asyncio.to_thread(post)


@contextlib.asynccontextmanager
async def _served(w: World):  # type: ignore[no-untyped-def]
    """The base URL of ``optimus-tui serve`` on this world."""
    w.settle()
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "optimus_tui", "serve", "--port", str(port), env=w.env, cwd=w.home,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _attempt in range(200):
            with contextlib.suppress(OSError):
                _reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                break
            await asyncio.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


@world()
async def over_http(w: World) -> None:
    """A trailing slash is the same tool, 30.0 is an integer, and the verdict is that of the command line."""
    w.counter("rate_limit:acme:chat", 400)
    async with _served(w) as base:
        body = b'{"tenant_id": "acme"}'
        plain, document = await _post(f"{base}/mcp/diagnose_gateway_health", body)
        slash, _ = await _post(f"{base}/mcp/diagnose_gateway_health/", body)
        w.expect("plain and with a slash", "200 and 200", (plain, slash), (plain, slash) == (200, 200))
        question = b'{"issue_type": "rate_limiting", "tenant_id": "acme", "time_window_minutes": 30.0}'
        code, _ = await _post(f"{base}/mcp/troubleshoot_production_issue", question)
        w.expect("30.0", "200", code, code == 200)
        question = question.replace(b"30.0", b"30.5")
        code, _ = await _post(f"{base}/mcp/troubleshoot_production_issue", question)
        w.expect("30.5", "422", code, code == 422)
    run = await w.run("diagnose_gateway_health", tenant_id="acme")
    w.expect("the same verdict", str(run.doc.get("overall_status")), document.get("overall_status"),
             document.get("overall_status") == run.doc.get("overall_status"))  # fmt: skip


@world()
async def over_mcp(w: World) -> None:
    """MCP on stdio: seven tools whose enums carry a type; 30.0 is accepted; a finding is a result."""
    w.counter("rate_limit:acme:chat", 400)
    w.settle()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "optimus_tui", "mcp", env=w.env, cwd=w.home,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, limit=1 << 24,
    )  # fmt: skip
    assert process.stdin and process.stdout
    number = 0

    async def call(method: str, **params: object) -> dict:  # type: ignore[type-arg]
        nonlocal number
        number += 1
        message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        process.stdin.write(json.dumps(message).encode() + b"\n")
        while True:
            async with asyncio.timeout(15):
                answer = json.loads(await process.stdout.readline())
            if answer.get("id") == number:
                return answer

    client = {"name": "world", "version": "1"}
    await call("initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo=client)
    process.stdin.write(b'{"jsonrpc": "2.0", "method": "notifications/initialized"}\n')
    tools = (await call("tools/list"))["result"]["tools"]
    w.expect("tools", "7", len(tools), len(tools) == 7)
    bare = []
    for tool in tools:
        for name, schema in tool["inputSchema"]["properties"].items():
            parts = [schema, *schema.get("anyOf", ())]
            bare += [f"{tool['name']}.{name}" for one in parts if "enum" in one and "type" not in one]
    w.expect("enums carry a type", "all", bare or "all", not bare)
    arguments = {"issue_type": "rate_limiting", "tenant_id": "acme", "time_window_minutes": 30.0}
    answer = await call("tools/call", name="troubleshoot_production_issue", arguments=arguments)
    result = answer.get("result", {})
    w.expect("30.0", "a result", str(answer)[:200], result.get("isError") is False)
    w.expect("the finding", "acme over its limit", str(result)[:200], "acme" in str(result.get("content")))
    process.stdin.close()
    await process.wait()


@world(past=5)
async def incident_leads_with_what_was_found(w: World) -> None:
    """An open circuit and 40 % failures, all else well: the first step finds it, the second is about it."""
    p = answering(steady(6), steady(4)).shows("circuit_breaker_state", 2, service="ai_engine")
    w.gateway.runs(p)
    await w.record(minutes=5)
    await w.cli("incident", "open")
    step = await w.cli("incident", "run", "1")
    w.says("the health check finds it", step, "circuit", "failed", "error ratio")
    w.says("the next step is about it", step, "--issue circuit_breaker", but=("--issue high_latency",))


@world()
async def incident_that_falls(w: World) -> None:
    """765 % of a limit leads, not an engine of 0.6 s; its window ends, and the incident's header falls with it."""
    w.engine.on("/health", {"status": "ok"}, delay=0.6)
    w.gateway.publishes(chat=20)
    w.counter("rate_limit:acme:chat", 153, 300)
    await w.cli("incident", "open")
    step = await w.cli("incident", "run", "1")
    w.says("the next step is about it", step, "--issue rate_limiting", but=("--issue high_latency",))
    head = (await w.cli("incident", "show", "1")).text.splitlines()[0]
    w.expect("the header", "high", head, " high " in head)
    w.redis.command("DEL", "rate_limit:acme:chat")
    w.engine.on("/health", {"status": "ok"})
    again = await w.cli("incident", "run", "1", "--step", "health")
    head = (await w.cli("incident", "show", "1")).text.splitlines()[0]
    w.expect("the header after it is over", "not high", f"{head} {again.text[-120:]}", " high " not in head)


@world(past=6)
async def standup_after_standup(w: World) -> None:
    """A finding is new in one stand-up and gone in the next, when its window has ended."""
    w.counter("rate_limit:acme:chat", 400, 300)
    first = await w.standup()
    w.found("the first", first, "acme", least="high")
    w.redis.command("DEL", "rate_limit:acme:chat")
    second = await w.standup()
    w.not_found("the second", second, "acme")
    w.spared("nothing is left", second)
