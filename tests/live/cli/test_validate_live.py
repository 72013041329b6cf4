"""``validate --live`` against a real server."""

import asyncio
import json
from pathlib import Path

import pytest

from optimus_tui.__main__ import run
from tests.patterns_tree import GOOD, make_tree
from tests.realserver import RealServer

pytestmark = pytest.mark.live


STORES = GOOD.replace(
    "    return await",
    """    await redis.set(f"cache:offer:{tenant}:1", "x")
    await redis.set(f"cache:price:{tenant}:1", "x", ex=60)
    return await""",
).replace("repo=Depends(repository)", "repo=Depends(repository), redis=Depends(repository)")


@pytest.fixture
def tree(server: RealServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree whose code stores offers for ever and prices for a minute; in Redis neither ever goes."""
    place = make_tree(tmp_path, things=STORES)
    monkeypatch.chdir(place)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    server.command("SET", "rate_limit:acme:thing", "1", "EX", "60")
    server.command("SET", "cache:offer:acme:1", "x")
    server.command("SET", "cache:price:acme:1", "x")
    return place


def test_a_key_without_ttl_is_told_apart_by_what_the_code_does(
    tree: Path, server: RealServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["validate", "--live", "--redis-url", server.url]) == 1
    out = capsys.readouterr().out
    assert "1 key of the kind price never expires, though the code stores it with an expiry" in out
    assert "1 key of the kind offer never expires, as the code stores it: without an expiry" in out
    assert "never seen" not in out
    assert "undeclared" not in out


def test_the_json_document_holds_the_differences(
    tree: Path, server: RealServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["validate", "--live", "--format", "json", "--redis-url", server.url]) == 1
    live = json.loads(capsys.readouterr().out)["live"]
    told = [(one["kind"], one["name"], one["priority"]) for one in live["differences"]]
    assert told == [("key without TTL", "offer", "high"), ("key without TTL", "price", "high")]
    assert live["covered"] == "3 keys read"


def test_a_screen_asks_for_the_whole_tree_in_one_call(tree: Path, server: RealServer) -> None:
    from optimus_tui.cli.run_async import connected_to
    from optimus_tui.settings.load import load
    from optimus_tui.tools.validate import compared

    async def ask() -> list[str]:
        async with connected_to(load({"redis_url": server.url}, {}, tree, None)) as context:
            return [one.name for one in (await compared(context)).differences]

    assert asyncio.run(ask()) == ["offer", "price"]


def test_code_and_redis_are_compared_by_one_read_only_scan(
    server: RealServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(make_tree(tmp_path, things=GOOD))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    server.command("SET", "rate_limit:acme:login", "1", "EX", "60")
    server.command("SET", "cache:odd:acme:1", "x")
    assert run(["validate", "--live", "--redis-url", server.url]) == 1
    out = capsys.readouterr().out
    assert "operation undeclared: Redis counts login" in out
    assert "kind undeclared: Redis holds cache keys of the kind odd" in out
    assert "operation never seen: thing is declared" in out
    assert "2 keys read" in out
