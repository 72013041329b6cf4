"""The table of settings: what is in it is on every road by which a setting comes in or is shown."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest

from optimus_tui.child_processes import child_environment
from optimus_tui.cli.doctor import _setting_rows
from optimus_tui.cli.flags import demo_flags
from optimus_tui.settings.files import TABLES, check_file, check_value
from optimus_tui.settings.load import load
from optimus_tui.settings.model import RedisTarget, Settings
from optimus_tui.settings.redis_url import parse_redis_url
from optimus_tui.settings.table import SETTINGS, Setting, SettingsError

_SPEC = importlib.util.spec_from_file_location("generate", Path(__file__).parents[3] / "docs" / "generate.py")
assert _SPEC is not None and _SPEC.loader is not None
generate = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(generate)

SAMPLES: dict[str, Any] = {
    "backend_orchestrator_url": "http://gateway.example:1",
    "ai_engine_url": "http://engine.example:2",
    "redis_url": "redis://redis.example:3/4",
    "operator_redis_url": "redis://operator@localhost",
    "postgres_dsn": "postgresql://postgres.example/db",
    "prometheus_url": "http://prometheus.example:5",
    "backend_orchestrator_path": "/",
    "color": "#00ff00",
    "theme": "optimus-light",
    "bell": "never",
    "read_from": "replica",
    "mouse": False,
    "thresholds": {"near_limit": 0.5},
    "scan": {"count": 11},
    "limits": {"operations": {"chat": 3}},
    "validate": {"profile": "gateway"},
    "dialect": "limits",
}
"""What may be said of a setting; for the others any value of the type will do."""
BY_TYPE: dict[Any, Any] = {
    bool: True, float: 7.5, int: 7, str: "a", tuple[str, ...]: ("acme",), dict[str, str]: {"a": "b"},
}  # fmt: skip
IN_FILES = [row for row in SETTINGS if row.file]
AS_VARIABLES = [row for row in SETTINGS if row.variable and row.file]
AS_FLAGS = [row for row in SETTINGS if row.flag and row.field and row.key != "environment"]


def sample(row: Setting) -> Any:
    if row.key in SAMPLES:
        return SAMPLES[row.key]
    return BY_TYPE[row.takes]


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(inner)}" for key, inner in value.items()) + "}"
    return msgspec.json.encode(value).decode()


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Settings]:
    def settings(text: str = "", variables: dict[str, str] | None = None, **flags: Any) -> Settings:
        file = tmp_path / "optimus.toml"
        file.write_text(text)
        file.chmod(0o600)
        return load(flags, variables or {}, tmp_path, None)

    return settings


def values_of(settings: Settings, row: Setting) -> tuple[Any, str]:
    return getattr(settings, row.field), settings.sources[row.field]


@pytest.mark.parametrize("row", IN_FILES, ids=lambda row: row.key)
def test_what_a_file_may_say_is_read_from_it(row: Setting, read: Callable[..., Settings]) -> None:
    line = f"{row.key} = {toml(sample(row))}"
    plain, said = values_of(read(), row), values_of(read(line), row)
    assert said[1] == "optimus.toml" and (said[0] != plain[0] or row.key == "writable")
    if row.file == "environment":
        named = read(f"[env.prod]\n{line}", env="prod")
        assert values_of(named, row) == (said[0], "optimus.toml [env.prod]")
    else:
        with pytest.raises(SettingsError, match=f"unknown key env.prod.{row.key}"):
            read(f"[env.prod]\n{line}", env="prod")


@pytest.mark.parametrize("row", AS_VARIABLES, ids=lambda row: row.variable)
def test_what_a_variable_may_say_is_read_from_each_of_its_names(row: Setting, read: Callable[..., Settings]) -> None:
    names = {row.variable, f"OPTIMUS_{row.variable.removeprefix('OPTIMUS_')}"}
    for name in names:
        value, source = values_of(read(variables={name: str(sample(row))}), row)
        assert source == name and value != getattr(Settings(), row.field)


@pytest.mark.parametrize("row", AS_FLAGS, ids=lambda row: row.flag)
def test_what_a_flag_may_say_is_read_from_it(row: Setting, read: Callable[..., Settings]) -> None:
    value, source = values_of(read(**{row.parameter: sample(row)}), row)
    assert source == row.flag and value != getattr(Settings(), row.field)


def test_what_no_file_may_say_is_refused_there() -> None:
    for row in SETTINGS:
        if not row.file:
            with pytest.raises(SettingsError, match=f"unknown key {row.key}"):
                check_file({row.key: "x"}, "optimus.toml")


def test_every_setting_is_on_every_road(read: Callable[..., Settings]) -> None:
    @demo_flags
    @click.command()
    def verb() -> None:
        """Do nothing."""

    options = {name: param for param in verb.params for name in param.opts}
    page, listed = "\n".join(generate.settings()), {name.partition(".")[0] for name, *_ in _setting_rows(read())}
    for row in SETTINGS:
        assert f"| `{row.key}` |" in page and row.help.replace("|", "\\|") in page
        assert not row.variable or f"`{row.variable}`" in page
        assert not row.flag or f"`{row.flag}`" in page
        if row.flag:
            assert options.pop(row.flag).name == row.parameter
        if row.field:
            assert row.key in listed and row.field in Settings.__struct_fields__
    assert options == {}


def test_a_new_row_is_taken_from_files_and_flags_without_further_code(monkeypatch: pytest.MonkeyPatch) -> None:
    new = Setting("sound", int, "How loud it is. Nobody knows.", 3, "sound", flag="--sound", metavar="N", most=11)
    for module in ("table", "files", "layers", "load"):
        monkeypatch.setattr(f"optimus_tui.settings.{module}.SETTINGS", (*SETTINGS, new))
    monkeypatch.setattr("optimus_tui.cli.flags.SETTINGS", (*SETTINGS, new))

    @demo_flags
    @click.command()
    def verb(**given: Any) -> dict[str, Any]:
        """Return what was given."""
        return given

    from optimus_tui.settings.layers import flag_layer

    given = verb.main(["--sound", "7"], standalone_mode=False)
    assert flag_layer(given, Path("/")).values == {"sound": 7}
    assert "How loud it is. [default: 3]" in verb.get_help(click.Context(verb))
    assert "| `sound` | whole number" in "\n".join(generate.settings())
    check_file({"sound": 11, "env": {"prod": {"sound": 0}}}, "optimus.toml")
    with pytest.raises(SettingsError, match="sound must be a whole number <= 11"):
        check_file({"sound": 12}, "optimus.toml")
    check_value(new, "7", "OPTIMUS_SOUND")  # as a variable has it
    with pytest.raises(SettingsError, match="OPTIMUS_SOUND must be a whole number, not text"):
        check_value(new, "loud", "OPTIMUS_SOUND")


def test_the_defaults_are_those_of_the_settings() -> None:
    plain = Settings()
    assert parse_redis_url(next(row.default for row in SETTINGS if row.key == "redis_url"), "x") == RedisTarget()
    for row in SETTINGS:
        if row.field and row.default is not None and row.key != "redis_url":
            assert getattr(plain, row.field) == row.default, row.key
    assert {row.takes for row in SETTINGS if isinstance(row.takes, str)} == set(TABLES)


def test_no_child_gets_the_variable_of_an_address() -> None:
    for row in SETTINGS:
        if row.variable and row.connects and row.file and not row.preset:
            assert child_environment(None, {row.variable: "x"}) == {}
