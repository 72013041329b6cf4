"""``run`` and ``tools``: one document on stdout, one sentence on stderr, the promised exit code, whatever is down."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from optimus_tui.__main__ import run
from optimus_tui.cli import output
from optimus_tui.cli.flags import settings_of
from optimus_tui.context import Context
from optimus_tui.tools.answer import answer, encode
from optimus_tui.tools.registry import TOOLS
from tests.hostile import Act, HostileServer, bomb, endless_chunks, reply, sends, silence, slow_body, slow_headers
from tests.patience import PATIENCE
from tests.realserver import RealServer, nobody_port

Capture = pytest.CaptureFixture[str]
HEALTH = "diagnose_gateway_health"
COHERENCE = "analyze_cache_coherence"


def asked(capsys: Capture, *words: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, the one document, and what stderr says."""
    code = run(["run", *words])
    shown = capsys.readouterr()
    assert shown.out.count("\n") == 1 and shown.out.isascii() | shown.out[:-1].isprintable()
    return code, json.loads(shown.out), shown.err


def refused(capsys: Capture, *words: str) -> dict[str, Any]:
    """The error of a call that ends with 2: the same sentence stands on stderr."""
    code, document, said = asked(capsys, *words)
    assert code == 2
    assert set(document) == {"schema_version", "tool", "timestamp", "error"}
    assert said.startswith("optimus-tui: ") and said.count("\n") == 1 and said.rstrip("\n").isprintable()
    error: dict[str, Any] = document["error"]
    assert set(error) == {"code", "message", "argument", "allowed"}
    return error


def command(*words: str, **more: Any) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "optimus_tui", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more
    )


def plain(document: Any) -> Any:
    """Without what the clock decides."""
    if isinstance(document, dict):
        timed = ("timestamp", "latency_ms", "own_delay_ms")
        return {key: plain(value) for key, value in document.items() if key not in timed}
    return [plain(one) for one in document] if isinstance(document, list) else document


async def direct(tool: str, arguments: dict[str, Any]) -> Any:
    ctx = Context(settings_of({}))
    try:
        return json.loads(encode(await answer(ctx, tool, arguments)))
    finally:
        await ctx.aclose()


def test_run_prints_the_document_that_the_tool_answers(
    world: HostileServer, server: RealServer, capsys: Capture
) -> None:
    import asyncio

    server.command("SET", "rate_limit:demo_dentist:chat", "150")
    server.command("SET", "rate_limit:demo_dentist:profile", "3")
    code, document, said = asked(capsys, HEALTH, '{"tenant_id": "demo_dentist"}', "--json")
    assert (code, said) == (1, "")
    assert plain(document) == plain(asyncio.run(direct(HEALTH, {"tenant_id": "demo_dentist"})))
    assert document["rate_limiting"]["rate_limits"]["chat"] == {
        "current_count": 150, "ttl_seconds": None, "immortal": True, "limit": 150, "error": None,
        "window_seconds": 60.0, "state": "immortal",
    }  # fmt: skip


def test_a_healthy_system_is_0_by_every_way_to_say_the_same(
    world: HostileServer, capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.json").write_bytes(b'\xef\xbb\xbf{"tenant_id": "x", "include_cache_metrics": false}')
    text = '{"tenant_id": "x", "include_cache_metrics": false}'
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    ways = (
        [text], ["-"], ["@a.json"], ["--set", "tenant_id=x", "--set", "include_cache_metrics=false"],
        ['{"tenant_id": "y"}', "--set", "tenant_id=x", "--set", "include_cache_metrics=no"],
    )  # fmt: skip
    documents = []
    for way in ways:
        code, document, said = asked(capsys, HEALTH, *way)
        assert (code, said) == (0, "")
        documents.append(plain(document))
    assert all(document == documents[0] for document in documents)
    assert documents[0]["rate_limiting"]["tenant_id"] == "x"
    assert documents[0]["cache_metrics"]["status"] == "not checked"


def test_the_type_of_an_argument_decides_what_set_means(world: HostileServer, capsys: Capture) -> None:
    _, document, _ = asked(capsys, "analyze_performance_metrics", "--set", "time_window_minutes=5")
    assert document["window_requested_minutes"] == 5
    _, document, _ = asked(capsys, HEALTH, "--set", "tenant_id=5")
    assert document["rate_limiting"]["tenant_id"] == "5"
    _, document, _ = asked(capsys, HEALTH, "--set", "tenant_id=a=b")
    assert document["rate_limiting"]["tenant_id"] == "a=b"


@pytest.mark.parametrize(
    ("words", "argument", "says"),
    [
        (["nope"], "tool", "analyze_cache_coherence"),
        (["\x1b[2J"], "tool", "\\x1b[2J"),
        ([HEALTH, "{"], None, "not JSON"),
        ([HEALTH, "[1]"], None, "not a JSON object"),
        ([HEALTH, "[1]"], None, 'write them as {"tenant_id"'),
        (["troubleshoot_production_issue", "issue_type=rate_limiting"], None, "or --set issue_type=rate_limiting"),
        (["troubleshoot_production_issue", "rate_limiting"], None, "or --set NAME=VALUE for each"),
        ([HEALTH, "\udcff"], None, "not UTF-8"),
        ([HEALTH, '{"tenant": "x"}'], "tenant", "did you mean tenant_id"),
        ([HEALTH, '{"tenant_id": 5}'], "tenant_id", "tenant_id"),
        ([HEALTH, '{"tenant_id": "\\ud800"}'], None, "JSON"),
        ([HEALTH, "--set", "tenant_id"], None, "NAME=VALUE"),
        ([HEALTH, "--set", "=x"], None, "NAME=VALUE"),
        ([HEALTH, "--set", "tenant_id=\udcff"], None, "not UTF-8"),
        ([HEALTH, "--set", f"tenant_id={'x' * 10_000}"], "tenant_id", "tenant_id"),
        ([HEALTH, "--set", "include_cache_metrics=maybe"], "include_cache_metrics", "true, false"),
        (["analyze_performance_metrics", "--set", "metric_type=speed"], "metric_type", "throughput"),
        (["analyze_performance_metrics", "--set", "time_window_minutes=0"], "time_window_minutes", "1"),
        (["troubleshoot_production_issue"], "issue_type", "high_latency"),
        ([HEALTH, "@"], None, "name of a file"),
        ([HEALTH, "@nothing.json"], None, "No such file"),
        ([HEALTH, "@."], None, "a directory"),
        ([HEALTH, "@fifo"], None, "is not a regular file"),
        ([HEALTH, "@large.json"], None, "256 kB"),
        ([HEALTH, "@latin.json"], None, "not UTF-8 (byte \\xe9 at 15)"),
        ([HEALTH, "--watch"], "watch", "--ndjson"),
        ([HEALTH, "--env", "prod"], None, "known: default"),
    ],
)  # fmt: skip
def test_a_mistake_is_a_document_a_sentence_and_2(
    words: list[str], argument: str | None, says: str, world: HostileServer, capsys: Capture, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "large.json").write_bytes(b" " * 300_000)
    (tmp_path / "latin.json").write_bytes('{"tenant_id": "é"}'.encode("latin-1"))
    error = refused(capsys, *words)
    assert error["argument"] == argument
    assert says in f"{error['message']} {error['allowed']}"
    assert not world.requests


def test_a_mistake_in_the_flags_has_a_document_too(world: HostileServer, capsys: Capture) -> None:
    assert refused(capsys)["allowed"] == list(TOOLS)
    assert "--frobnicate" in refused(capsys, HEALTH, "--frobnicate")["message"]
    error = refused(capsys, HEALTH, "--ndjson", "--watch", "9999")
    assert error["argument"] == "watch" and "3600" in error["message"]


def test_an_output_that_is_full_or_closed_is_one_sentence(world: HostileServer) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "optimus_tui", "run", HEALTH], stdout=full, stderr=subprocess.PIPE, timeout=PATIENCE
        )
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)
    assert b"No space left" in done.stderr
    for verb in (f"run {HEALTH}", "standup", "compare acme"):
        closed = f"exec {sys.executable} -m optimus_tui {verb} >&-"
        done = subprocess.run(["sh", "-c", closed], stderr=subprocess.PIPE, timeout=PATIENCE)
        assert (done.returncode, done.stderr.count(b"\n")) == (2, 1), verb
        assert b"standard output is closed" in done.stderr


def test_a_reader_that_has_gone_is_no_failure(world: HostileServer, server: RealServer) -> None:
    for verb in (f"run {HEALTH}", "standup", "standup --md", "standup --html", "compare acme"):
        shell = f"set -o pipefail; {sys.executable} -m optimus_tui {verb} | true"
        done = subprocess.run(["bash", "-c", shell], stderr=subprocess.PIPE, timeout=PATIENCE)
        assert (done.returncode, done.stderr) == (0, b""), verb
    server.command("SET", "rate_limit:acme:chat", "5")
    shell = f"set -o pipefail; {sys.executable} -m optimus_tui run {HEALTH} | true"
    done = subprocess.run(["bash", "-c", shell], stderr=subprocess.PIPE, timeout=PATIENCE)
    assert (done.returncode, done.stderr) == (1, b""), "the answer's own code still counts"


def test_stdin_is_read_to_a_bound(world: HostileServer, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b" " * 5_000_000)))
    assert "256 kB" in refused(capsys, HEALTH, "-")["message"]


@pytest.mark.parametrize(
    "wrong",
    [
        sends(reply(b"oops", b"500 Internal Server Error")), sends(reply(b"<html>", kind=b"text/html")),
        sends(b""), silence, slow_body, slow_headers, endless_chunks, sends(bomb()),
    ],
    ids=["500", "html", "nothing", "silence", "slow-body", "slow-loris", "endless", "gzip-bomb"],
)  # fmt: skip
def test_a_service_that_misbehaves_is_a_finding_within_the_deadline_rows_83_to_91(
    wrong: Act, world: HostileServer, capsys: Capture
) -> None:
    world.on("/health", wrong)
    code, document, _ = asked(capsys, HEALTH)
    if wrong in (silence, slow_body, slow_headers, endless_chunks):
        assert "/health" not in world.ended
    assert code == 1 and document["overall_status"] == "critical"
    assert document["redis"]["status"] == "connected"


def test_redis_down_is_a_finding_of_health_and_no_result_of_coherence_row_44(
    world: HostileServer, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{nobody_port()}")
    code, document, _ = asked(capsys, HEALTH)
    assert code == 1 and document["redis"]["status"] == "disconnected"
    code, document, said = asked(capsys, COHERENCE)
    assert code == 3 and document["error"]["code"] == "unreachable" and "refused" in said


def test_a_hung_redis_is_answered_while_it_hangs_row_49(
    make_server: Callable[..., RealServer], world: HostileServer, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = make_server()
    monkeypatch.setenv("REDIS_URL", server.url)
    server.freeze()
    try:
        for tool, expected in ((HEALTH, 1), (COHERENCE, 3)):
            code, _, _ = asked(capsys, tool)
            assert code == expected
            assert server.is_frozen
    finally:
        server.thaw()


def test_what_the_acl_denies_is_4_row_40(
    make_server: Callable[..., RealServer], world: HostileServer, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = make_server()
    server.command("ACL", "SETUSER", "poor", "on", ">CANARY", "allkeys", "-@all", "+ping", "+info", "+hello")
    monkeypatch.setenv("REDIS_URL", f"redis://poor:CANARY@127.0.0.1:{server.port}/0")
    code, document, said = asked(capsys, COHERENCE)
    assert code == 4 and document["error"]["code"] == "refused"
    assert "CANARY" not in said + json.dumps(document)


def test_with_everything_hung_every_tool_answers_and_says_which_code_rows_49_83(
    make_server: Callable[..., RealServer], world: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = make_server()
    monkeypatch.setenv("REDIS_URL", server.url)
    for path in ("/health", "/metrics", "/api/cache/metrics", "/api/rate-limits", "/api/chat"):
        world.on(path, silence)
    more = {"troubleshoot_production_issue": ["--set", "issue_type=high_latency"]}
    server.freeze()
    try:
        started = {tool: command("run", tool, *more.get(tool, ())) for tool, one in TOOLS.items() if one.reaches_out}
        for tool, process in started.items():
            out, err = process.communicate(timeout=50)
            assert process.returncode == (3 if tool == COHERENCE else 1), (tool, err)
            assert json.loads(out)["tool"] == tool
        assert server.is_frozen and "/health" not in world.ended
    finally:
        server.thaw()


@pytest.mark.parametrize("tenant", ["*", "[ag]*", "a?me", "\\", "te\x1b[2Jnant", "[bold]x[/bold]", "a:b:c", "é\u202ex"])
def test_a_tenant_is_literal_text_and_comes_out_harmless_rows_1_to_24(
    tenant: str, world: HostileServer, server: RealServer, capsys: Capture
) -> None:
    for name in (tenant, "acme", "gamma"):
        server.command("SET", f"rate_limit:{name}:chat", "1", "EX", "60")
    code, document, _ = asked(capsys, HEALTH, json.dumps({"tenant_id": tenant}))
    assert code == 0
    assert document["rate_limiting"]["total_active_limits"] == 1
    assert document["rate_limiting"]["total_limit_keys"] == 3


def test_bytes_in_a_document_that_a_terminal_would_obey_become_escapes(capsys: Capture) -> None:
    said = {"a": "\x9b31m \u202e \x7f 😀 é \U000e0041"}
    output.document(json.dumps(said, ensure_ascii=False).encode())
    shown = capsys.readouterr().out
    assert shown[:-1].isprintable() and "😀 é" in shown
    assert json.loads(shown) == said


def test_watching_prints_a_document_a_line_until_interrupted_with_130(world: HostileServer) -> None:
    process = command("run", HEALTH, "--watch", "0.5", "--ndjson")
    assert process.stdout and process.stderr
    try:
        for _ in range(2):
            assert json.loads(process.stdout.readline())["tool"] == HEALTH
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130
        assert process.stderr.read().lstrip() == b"optimus-tui: interrupted\n"
        assert all(json.loads(line) for line in process.stdout.read().splitlines())
    finally:
        process.kill()
        process.communicate()


def test_an_interrupt_of_a_hung_look_is_130_at_once(world: HostileServer) -> None:
    world.on("/health", silence)
    process = command("run", HEALTH)
    try:
        deadline = time.monotonic() + PATIENCE
        while not world.requests and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
        assert (process.returncode, out, err.lstrip()) == (130, b"", b"optimus-tui: interrupted\n")
        assert "/health" not in world.ended, "it did not wait for what hangs"
    finally:
        process.kill()
        process.wait()


def test_a_reader_that_leaves_is_no_noise(world: HostileServer) -> None:
    process = command("run", HEALTH, "--watch", "0.5", "--ndjson")
    assert process.stdout and process.stderr
    try:
        process.stdout.readline()
        process.stdout.close()
        process.wait(PATIENCE)
        assert process.stderr.read() == b""
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def test_a_name_server_that_hangs_holds_up_neither_the_answer_nor_the_exit(
    world: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKEND_ORCHESTRATOR_URL", "http://gateway.invalid:8020")
    code = (
        "import socket, sys, time\n"
        "from optimus_tui.__main__ import main\n"
        "real = socket.getaddrinfo\n"
        "def look_up(host, *rest, **more):\n"
        "    if 'invalid' in str(host): time.sleep(60)\n"
        "    return real(host, *rest, **more)\n"
        "socket.getaddrinfo = look_up\n"
        f"sys.argv = ['optimus-tui', 'run', '{HEALTH}']\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=50)  # less than its 60 s
    assert done.returncode == 1
    assert json.loads(done.stdout)["backend_orchestrator_health"]["status"] == "error"


def test_a_closed_stdin_is_one_sentence(world: HostileServer, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert "closed" in refused(capsys, HEALTH, "-")["message"]


def test_tools_lists_all_and_describes_one(capsys: Capture) -> None:
    assert run(["tools"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in TOOLS)
    assert run(["tools", "--json"]) == 0
    documents = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in documents] == list(TOOLS)
    assert all(one["input_schema"]["type"] == one["output_schema"]["type"] == "object" for one in documents)
    for name in TOOLS:
        assert run(["tools", name]) == 0
        shown = capsys.readouterr().out
        assert all(argument in shown for argument in TOOLS[name].input_schema()["properties"])
        assert all(len(line) <= 100 for line in shown.splitlines())
    assert run(["tools", "nope"]) == 2
    assert "analyze_cache_coherence" in capsys.readouterr().err


def test_completion_offers_tools_arguments_and_values() -> None:
    def offered(*words: str) -> str:
        env = {**os.environ, "_OPTIMUS_TUI_COMPLETE": "bash_complete"}
        env |= {"COMP_WORDS": " ".join(("optimus-tui", *words)), "COMP_CWORD": str(len(words))}
        done = subprocess.run([sys.executable, "-c", _MAIN], env=env, capture_output=True, text=True, timeout=PATIENCE)
        return done.stdout

    assert "plain,run" in offered("r")
    assert f"plain,{HEALTH}" in offered("run", "diag")
    assert "plain,metric_type=" in offered("run", "analyze_performance_metrics", "--set", "me")


_MAIN = "from optimus_tui.__main__ import cli; cli.main(prog_name='optimus-tui')"


def test_a_port_that_takes_and_says_nothing_is_answered_in_time(
    world: HostileServer, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        place = f"127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setenv("AI_ENGINE_URL", f"http://{place}")
        monkeypatch.setenv("BACKEND_ORCHESTRATOR_URL", f"http://{place}")
        monkeypatch.setenv("REDIS_URL", f"redis://{place}")
        for tool, expected in ((HEALTH, 1), ("test_ai_engine_integration", 1)):
            code, _, _ = asked(capsys, tool)  # nobody ever answers there
            assert code == expected
