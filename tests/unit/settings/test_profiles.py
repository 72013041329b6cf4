"""The setting ``dialect``: a preset by flag, variable or file, a table of rules in a file, and what is wrong there."""

from collections.abc import Callable
from pathlib import Path

import pytest

from optimus_tui.settings.load import load
from optimus_tui.settings.model import Settings
from optimus_tui.settings.table import SettingsError

TABLE = '[dialect]\nextends = "limits"\n[[dialect.limits]]\nkey = "q:{tenant}"\noperation = "*"\n'
Read = Callable[..., Settings]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def settings(project: str = "", user: str = "", variable: str = "", **flags: str) -> Settings:
        (tmp_path / "optimus.toml").write_text(project)
        (tmp_path / "config.toml").write_text(user)
        return load(flags, {"OPTIMUS_DIALECT": variable}, tmp_path, tmp_path / "config.toml")

    return settings


def test_without_it_nothing_is_loaded(read: Read) -> None:
    assert read().dialect is None and read(dialect="optimus").dialect is None
    assert read(dialect="optimus").sources["dialect"] == "--dialect"


def test_the_more_specific_place_wins_whole(read: Read) -> None:
    project = 'dialect = "limits"\n[env.prod.dialect]\n[[env.prod.dialect.cache]]\nkey = "c:{tenant}"\n'
    named = read(project, env="prod").dialect
    assert named is not None and (len(named.limits), len(named.cache)) == (0, 1)
    plain = read(project, user=TABLE).dialect
    assert plain is not None and plain.name == "limits"
    assert read(TABLE, variable="optimus", env="default").dialect is None
    changed = read(TABLE).dialect
    assert changed is not None and changed.limits[0].template.text == "q:{tenant}"
    assert changed.limits[1:] == plain.limits


@pytest.mark.parametrize(
    ("project", "sentence"),
    [
        ("dialect = 3", "optimus.toml:1: dialect must be the name of a preset"),
        ('dialect = "limts"', "optimus.toml:1: dialect: there is no preset 'limts'; did you mean limits?"),
        ('dialect = ""', "optimus.toml:1: dialect must be"),
        ('[env.prod]\ndialect = "limts"', "optimus.toml:2: env.prod.dialect: there is no preset"),
        ('[env.prod.dialect]\nextends = "limts"', "optimus.toml:2: there is no preset"),
        ('[[env."a.b".dialect.limits]]\nkey = "x"', "optimus.toml:1: rule 1 of [[env.a.b.dialect.limits]]: key has no"),
        ("[env.prod.dialect]\nfoo = 1", "optimus.toml:2: unknown key 'foo'"),
    ],
)
def test_a_mistake_is_one_sentence_with_its_place(read: Read, project: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as error:
        read(project)
    assert sentence in str(error.value)


def test_a_mistake_of_a_flag_or_variable_names_it(read: Read) -> None:
    with pytest.raises(SettingsError, match=r"^--dialect: there is no preset 'x'; there are"):
        read(dialect="x")
    with pytest.raises(SettingsError, match=r"^OPTIMUS_DIALECT: there is no preset 'optimos'; did you mean optimus"):
        read(variable="optimos")


def test_the_rules_of_two_files_are_not_merged(read: Read) -> None:
    with pytest.raises(SettingsError, match=r"optimus.toml: dialect and .*config.toml: dialect: rules of two files"):
        read(TABLE, user=TABLE)
    assert read(TABLE, user='[env.prod.dialect]\nextends = "optimus"').dialect is not None


def test_rules_that_match_the_same_name_are_a_warning_with_the_file(read: Read) -> None:
    twice = '[dialect]\n[[dialect.limits]]\nkey = "q:{tenant}"\n[[dialect.limits]]\nkey = "q:{tenant...}"\n'
    (warning,) = read(twice).warnings
    assert "optimus.toml:1: [[dialect.limits]]" in warning and "both match" in warning
    assert read(twice + "fallback = true\n").warnings == ()
    assert read(dialect="litellm").warnings == ()
