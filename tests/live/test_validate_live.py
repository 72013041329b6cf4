"""``validate --live`` against a real server."""

from pathlib import Path

import pytest

from optimus_tui.__main__ import run
from tests.patterns_tree import GOOD, make_tree
from tests.realserver import RealServer

pytestmark = pytest.mark.live


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
    assert "2 keys looked at" in out
