"""``serve`` and ``mcp --http`` under peers who send half of what they owe: the honest are served, the others are told.

The servers run as they are started by people, with 1,024 descriptors.
"""

import contextlib
import json
import os
import resource
import signal
import socket
import time
from collections.abc import Callable

import pytest

from optimus_tui.mcp_server import streamable
from tests.patience import PATIENCE
from tests.surfaces.listeners import VERBS, Running, message_of

HALF_OPEN = 1_100


def answered(peer: socket.socket) -> bytes:
    """All that comes until the peer is left."""
    said = b""
    with contextlib.suppress(ConnectionResetError):
        while data := peer.recv(65536):
            said += data
    peer.close()
    return said


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_1100_half_open_connections_do_not_stop_a_good_request(verb: list[str], start: Callable[..., Running]) -> None:
    running = start(verb)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < HALF_OPEN + 200:
        pytest.skip(f"only {hard} descriptors here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, HALF_OPEN + 200), hard))
    peers: list[socket.socket] = []
    try:
        forms = (b"", running.head(100)[:40], running.head(100) + b"{")
        for number in range(HALF_OPEN):
            peers.append(socket.create_connection(("127.0.0.1", running.port), timeout=10))
            with contextlib.suppress(OSError):
                peers[-1].sendall(forms[number % 3])
        for _ in range(5):
            assert running.good() == 200
        assert len(os.listdir(f"/proc/{running.process.pid}/fd")) < 512
    finally:
        for peer in peers:
            peer.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    running.process.send_signal(signal.SIGTERM)
    running.process.wait(PATIENCE)
    assert running.process.stderr and b"Traceback" not in running.process.stderr.read()


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_who_sends_half_a_head_or_half_a_body_is_told_408_in_a_short_document(
    verb: list[str], start: Callable[..., Running]
) -> None:
    running = start(verb)
    began = time.monotonic()  # before they connect: it cannot be less, however slow the machine
    head, body = running.raw(running.head(100)[:40]), running.raw(running.head(100) + b"{")
    silent = running.raw(b"")
    said = answered(body)
    assert said.startswith(b"HTTP/1.1 408 ") and len(said) < 1000 and b"within 5 s" in said
    assert time.monotonic() - began > 4
    for _ in range(3):  # a byte now and then is no excuse
        time.sleep(0.7)
        head.sendall(b"x")
    said = answered(head)
    assert said.startswith(b"HTTP/1.1 408 ") and len(said) < 1000 and b"within 10 s" in said
    assert time.monotonic() - began > 9
    assert answered(silent) == b""


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_sigterm_with_a_stalled_body_ends_in_time_and_prints_no_traceback(
    verb: list[str], start: Callable[..., Running]
) -> None:
    running = start(verb)
    peers = [running.raw(running.head(100) + b"{"), running.raw(running.head(100)[:30]), running.raw(b"")]
    if verb != ["serve"]:
        _, session = running.greet()
        extra = f"GET /mcp HTTP/1.1\r\nHost: 127.0.0.1:{running.port}\r\nmcp-session-id: {session}\r\n"
        peers.append(running.raw(f"{extra}Accept: text/event-stream\r\n\r\n".encode()))
    time.sleep(0.3)
    running.process.send_signal(signal.SIGTERM)
    running.process.wait(PATIENCE)
    assert all(peer.fileno() >= 0 for peer in peers), "nobody else ended it"
    assert running.process.stderr
    said = running.process.stderr.read()
    assert b"Traceback" not in said and b"Error" not in said, said
    for peer in peers:
        peer.close()


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_what_is_no_http_request_is_told_so_in_a_document_and_once(
    verb: list[str], start: Callable[..., Running]
) -> None:
    running = start(verb)
    chunked = running.head(1).replace(b"Content-Length: 1", b"Transfer-Encoding: chunked")
    lengths = running.head(1).replace(b"Content-Length: 1", b"Content-Length: 1\r\nContent-Length: 2")
    for data in (b"nonsense\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\r\n\r\n", chunked + b"zz\r\n{}\r\n", lengths + b"{}"):
        said = answered(running.raw(data))
        head, _, body = said.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400 ") and said.count(b"HTTP/1.1") == 1, said
        assert json.loads(body)["error"]["code"] == "bad_argument"
    stranger = running.raw(chunked.replace(b"Host: 127.0.0.1", b"Host: evil.example"))
    assert stranger.recv(65536).startswith(b"HTTP/1.1 421 ")
    stranger.sendall(b"zz\r\n{}\r\n")  # what comes after an answer gets no second one
    assert b"HTTP/1.1" not in answered(stranger)
    assert running.good() == 200
    running.process.send_signal(signal.SIGTERM)
    running.process.wait(PATIENCE)
    assert running.process.stderr and b"Traceback" not in running.process.stderr.read()


def test_with_few_descriptors_the_cap_is_lower_and_the_good_are_still_served(start: Callable[..., Running]) -> None:
    running = start(["serve"], descriptors=128)
    peers = [running.raw(b"G") for _ in range(300)]
    assert running.good() == 200
    assert len(os.listdir(f"/proc/{running.process.pid}/fd")) < 100
    for peer in peers:
        peer.close()


def test_the_101st_client_is_served_and_the_oldest_idle_session_gives_way(start: Callable[..., Running]) -> None:
    running = start(["mcp", "--http"])  # which has greeted once already
    sessions = [running.greet() for _ in range(streamable.MOST_SESSIONS + 5)]
    assert {status for status, _ in sessions} == {200}
    ping = json.dumps({"jsonrpc": "2.0", "id": 2, "method": "ping"})
    assert running.ask("POST", "/mcp", ping, {"mcp-session-id": sessions[0][1]})[0].status == 404
    assert running.ask("POST", "/mcp", ping, {"mcp-session-id": sessions[6][1]})[0].status == 200
    assert running.greet()[0] == 200
    assert running.ask("POST", "/mcp", ping, {"mcp-session-id": sessions[6][1]})[0].status == 200, "it was used"
    assert running.ask("POST", "/mcp", ping, {"mcp-session-id": sessions[5][1]})[0].status == 404


def test_an_idle_session_is_forgotten_after_minutes() -> None:
    assert 60 <= streamable.IDLE_SECONDS <= 15 * 60


def test_over_http_odd_ids_are_answered_a_bom_is_skipped_and_batches_go_by_version(
    start: Callable[..., Running],
) -> None:
    running = start(["mcp", "--http"])
    batch = json.dumps([{"jsonrpc": "2.0", "id": n, "method": "ping"} for n in (7, "8")])
    ids = ("null", "1.5", "1e400", str(10**30), "{}", "[1]", "true", f'"{"x" * 300}"')
    for version, status in (("2025-03-26", 200), ("2025-06-18", 400)):
        code, session = running.greet(version)
        assert code == 200
        named = {"mcp-session-id": session, "mcp-protocol-version": version}
        for odd in ids:
            response, body = running.ask("POST", "/mcp", f'{{"jsonrpc":"2.0","id":{odd},"method":"ping"}}', named)
            assert response.status == 400, odd
            assert json.loads(body)["error"]["code"] == -32600 and json.loads(body)["id"] is None
        with_mark = b"\xef\xbb\xbf" + json.dumps({"jsonrpc": "2.0", "id": 3, "method": "ping"}).encode()
        response, body = running.ask("POST", "/mcp", with_mark, named)
        assert response.status == 200 and message_of(body)["id"] == 3
        response, body = running.ask("POST", "/mcp", batch, named)
        assert response.status == status
        if status == 200:
            assert [(one["id"], one["result"]) for one in json.loads(body)] == [(7, {}), ("8", {})]
            response, body = running.ask("POST", "/mcp", batch.replace('"8"', "7"), named)
            assert response.status == 400 and "have the same id" in json.loads(body)["error"]["message"]
        else:
            assert "does not allow batches" in json.loads(body)["error"]["message"]
    assert running.ask("POST", "/mcp", batch)[0].status == 400
