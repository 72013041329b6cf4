"""A named environment on the surfaces: what is said once, and what the header shows."""

from pathlib import Path

import pytest

from optimus_tui.__main__ import run
from optimus_tui.cli import flags as cli_flags
from optimus_tui.settings.model import Settings
from optimus_tui.tui.dashboard.status_line import status_words

NOBODY = "redis://127.0.0.1:1"


@pytest.fixture
def prod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project whose environment prod has a Redis of its own, and an exported REDIS_URL."""
    urls = "".join(f'{key} = "http://127.0.0.1:1"\n' for key in ("backend_orchestrator_url", "ai_engine_url"))
    (tmp_path / "optimus.toml").write_text(f'[env.prod]\n{urls}redis_url = "{NOBODY}"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REDIS_URL", "redis://exported.invalid")
    monkeypatch.setattr(cli_flags, "_SAID", set())


@pytest.mark.usefixtures("prod")
def test_a_variable_that_a_named_environment_overrides_is_mentioned_once(capsys: pytest.CaptureFixture[str]) -> None:
    run(["--env", "prod", "run", "diagnose_gateway_health", '{"include_cache_metrics": false}'])
    run(["--env", "prod", "run", "diagnose_gateway_health", '{"include_cache_metrics": false}'])
    out, said = capsys.readouterr()
    assert said.count("REDIS_URL is not used: redis_url comes from the environment prod") == 1
    assert "127.0.0.1:1" in out and "exported.invalid" not in out


@pytest.mark.usefixtures("prod")
def test_doctor_says_where_the_server_comes_from_and_which_variable_is_not_used(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run(["doctor", "--env", "prod"])
    shown = " ".join(capsys.readouterr().out.split())
    assert "127.0.0.1:1/0 (optimus.toml [env.prod])" in shown
    assert shown.count("REDIS_URL is not used") == 1


@pytest.mark.parametrize("width", [60, 140])
def test_the_header_shows_that_a_named_environment_is_overridden(width: int) -> None:
    settings = Settings(environment="prod", overridden=("--redis-url",))
    left, _ = status_words(settings, None, None, 0.0, 0.0, width)
    shown = "".join(text for text, _ in left)
    assert "prod overridden" in shown
    assert ("--redis-url" in shown) == (width >= 100)
    left, _ = status_words(Settings(environment="prod"), None, None, 0.0, 0.0, width)
    assert "overridden" not in "".join(text for text, _ in left)
