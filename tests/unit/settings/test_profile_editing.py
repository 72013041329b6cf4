"""A profile is put into the text of a file: comments and all else stay, and what cannot be edited is refused."""

import tomllib
from typing import Any

import pytest

from optimus_tui.settings.editing import line_of, with_profile
from optimus_tui.settings.table import SettingsError

TABLE: dict[str, Any] = {"extends": "limits", "limits": [{"key": "rl:{tenant}"}]}
BLOCK = '[dialect]\nextends = "limits"\n\n[[dialect.limits]]\nkey = "rl:{tenant}"\n'
OWN = '[dialect] # ours\nextends = "express"\n\n[[dialect.limits]]\nkey = "own:{tenant}"  # first\n\n[thresholds]\n'
ADDED = '[[dialect.limits]]\nkey = "rl:{tenant}"\n'
MERGED: dict[str, Any] = {"extends": ["express", "limits"], "limits": [{"key": "own:{tenant}"}, {"key": "rl:{tenant}"}]}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# mine\n",
        'theme = "x"\n[env.prod]\nredis_url = "r"\n',
        'dialect = "express" # x\ntheme = "x"\n',
        "\ufeffbell = 1",
    ],
)
def test_a_table_is_added_and_a_name_gives_way(text: str) -> None:
    before = tomllib.loads(text.removeprefix("\ufeff"))
    after = with_profile(text, ("dialect",), TABLE, BLOCK)
    assert tomllib.loads(after.removeprefix("\ufeff")) == {**before, "dialect": TABLE}
    assert after.endswith(BLOCK)
    assert with_profile(after, ("dialect",), TABLE, "") == after


def test_lines_keep_their_ends() -> None:
    after = with_profile('theme = "x"\r\n', ("dialect",), TABLE, BLOCK)
    assert after == 'theme = "x"\r\n\r\n' + BLOCK.replace("\n", "\r\n")


def test_rules_are_added_behind_those_that_are_there() -> None:
    after = with_profile(OWN, ("dialect",), MERGED, ADDED)
    assert tomllib.loads(after)["dialect"] == MERGED
    assert after.startswith('[dialect] # ours\nextends = ["express", "limits"]\n') and "# first" in after
    only_rules = '[[dialect.limits]]\nkey = "own:{tenant}"\n'
    after = with_profile(only_rules, ("dialect",), MERGED, ADDED)
    assert tomllib.loads(after)["dialect"] == MERGED


def test_a_preset_is_a_line_and_an_environment_has_its_own() -> None:
    assert with_profile("bell = 1\n", ("dialect",), "limits", "") == 'bell = 1\ndialect = "limits"\n'
    text = 'dialect = "express"\n\n[env.prod]\nredis_url = "r"\n'
    after = with_profile(text, ("env", "prod", "dialect"), "limits", "")
    assert tomllib.loads(after)["env"]["prod"] == {"redis_url": "r", "dialect": "limits"}
    block = '[env.prod.dialect]\nextends = "limits"\n\n[[env.prod.dialect.limits]]\nkey = "rl:{tenant}"\n'
    after = with_profile(text, ("env", "prod", "dialect"), TABLE, block)
    assert tomllib.loads(after)["env"]["prod"]["dialect"] == TABLE and 'dialect = "express"' in after


def test_a_file_in_an_unusual_form_is_left_to_its_owner() -> None:
    block = '[env.prod.dialect]\nextends = "limits"\n\n[[env.prod.dialect.limits]]\nkey = "rl:{tenant}"\n'
    with pytest.raises(SettingsError, match="change it by hand"):
        with_profile('env = { prod = { redis_url = "r" } }\n', ("env", "prod", "dialect"), TABLE, block)
    with pytest.raises(SettingsError, match="change it by hand"):
        with_profile('dialect = { extends = "express" }\n', ("dialect",), MERGED, ADDED)


def test_the_line_of_a_rule_is_its_own() -> None:
    assert line_of(OWN, ("dialect", "limits")) == 4
    assert line_of(OWN, ("thresholds",)) == 7
