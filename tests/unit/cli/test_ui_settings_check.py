"""What a user chose about the screen: accepted when it can be kept, one sentence with its place when not."""

import pytest

from optimus_tui.cli.flags import check
from optimus_tui.settings.model import Settings
from optimus_tui.settings.table import SettingsError
from optimus_tui.tui.keys import KEYS, MOVES
from optimus_tui.tui.theme import NAMES, THEMES

LISTS = [one for one in MOVES if one != "pane.open"]


def judge(keys: dict[str, str] | None = None, theme: str = "optimus-dark") -> Settings:
    """Check a choice, and return the settings with it."""
    keys = keys or {}
    sources = {"theme": "--theme", **{f"keys.{name}": "optimus.toml" for name in keys}}
    settings = Settings(theme=theme, keys=keys, sources=sources)
    check(settings, KEYS, NAMES, LISTS)
    return settings


def test_the_defaults_every_theme_and_every_key_as_it_is_pass() -> None:
    judge({key.id: key.keys for key in KEYS})
    for theme in NAMES:
        judge(theme=theme)
    assert {theme.name for theme in THEMES} < set(NAMES)


@pytest.mark.parametrize(
    "keys",
    [
        {"pane.zoom": "Z"},
        {"pane.zoom": "Z, f6,ctrl+o"},
        {"pane.zoom": "!"},
        {"pane.zoom": "exclamation_mark"},
        {"pane.zoom": "y", "pane.copy": "z"},  # two that change places
        {"cache.value": "w"},  # the feed's: never seen together
        {"incident.note": "z"},  # the panes': not on that screen
        {"pane.mark": "ctrl+@"},
    ],
)
def test_a_key_that_is_free_where_it_works_is_taken(keys: dict[str, str]) -> None:
    assert judge(keys).keys == keys


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"pane.zom": "Z"}, "did you mean pane.zoom?"),
        ({"pane.zoom": "ctrl+"}, "'ctrl+' is not a key"),
        ({"pane.zoom": "zz"}, "'zz' is not a key"),
        ({"pane.zoom": "hyperspace+z"}, "is not a key"),
        ({"pane.zoom": "Z,"}, "a key is missing"),
        ({"pane.zoom": "\x1b[2J"}, "\\x1b[2J"),
        ({"pane.zoom": "ctrl+i"}, "no terminal can tell ctrl+i from tab"),
        ({"pane.zoom": "y"}, "takes y, which is pane.copy already"),
        ({"pane.zoom": "?"}, "takes question_mark, which is app.help already"),
        ({"cache.value": "z"}, "which is pane.zoom already"),
        ({"incident.note": "j"}, "which is pane.down already"),
        ({"router.add": "t"}, "which is app.tools already"),
        ({"pane.zoom": "Z", "pane.copy": "Z"}, "pane.copy already"),
        ({"pane.range": "v,z"}, "takes z, which is pane.zoom already"),
        ({"pane.zoom": "ctrl+at"}, "takes ctrl+space, which is pane.mark already"),
    ],
)
def test_a_key_that_cannot_be_names_its_file_and_id(keys: dict[str, str], words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        judge(keys)
    said = str(caught.value)
    assert said.startswith('optimus.toml: keys."') and words in said and said.isprintable()


def test_an_unknown_theme_names_the_nearest_or_all() -> None:
    with pytest.raises(
        SettingsError, match=r"^--theme: there is no theme 'optimus-drak'; did you mean optimus-dark\?$"
    ):
        judge(theme="optimus-drak")
    with pytest.raises(SettingsError, match=r"valid here: .*optimus-contrast.*textual-dark"):
        judge(theme="xyz")
