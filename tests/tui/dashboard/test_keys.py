"""The one table of keys."""

import re
from dataclasses import replace
from typing import get_args

from textual.binding import ActiveBinding, Binding
from textual.content import Content
from textual.widget import Widget

from optimus_tui.assets import asset_dir
from optimus_tui.contract.findings import Finding
from optimus_tui.tui.dialogs.explain import _facts
from optimus_tui.tui.dialogs.help import help_dialog
from optimus_tui.tui.keys import KEYS, Scope, bindings, markdown_table, written

SHADOWED = {"feed": {"g"}, "limits": {"v"}, "cache": {"v"}}
"""Keys that a pane has for something of its own; each has a second name that works there, home and V."""
TAKEN_BY_TERMINALS = {f"ctrl+{c}" for c in "abhijms"}


def test_ids_are_unique_and_no_key_is_bound_twice_where_both_work() -> None:
    ids = [key.id for key in KEYS]
    assert len(set(ids)) == len(ids)
    for scope in ("health", "limits", "cache", "feed", "tools"):
        general = {p.strip() for key in KEYS if key.scope in ("app", "pane") for p in key.keys.split(",")}
        own = [p.strip() for key in KEYS if key.scope == scope for p in key.keys.split(",")]
        assert len(set(own)) == len(own), scope
        assert general & set(own) <= SHADOWED.get(scope, set()), scope
        pressed = [p.strip() for key in KEYS if key.scope in ("app", "pane") for p in key.keys.split(",")]
        assert len(set(pressed)) == len(pressed), scope


def test_no_key_of_the_incident_screen_is_bound_twice_there() -> None:
    elsewhere = ("app.help", "app.back", "app.next", "app.previous", "app.theme", "app.quit", "pane.copy_as")
    lists = ("pane.up", "pane.down", "pane.page_up", "pane.page_down", "pane.first", "pane.last", "pane.copy")
    mine = [key for key in KEYS if key.scope == "incident" or key.id in (*elsewhere, *lists)]
    pressed = [p.strip() for key in mine for p in key.keys.split(",")]
    assert len(set(pressed)) == len(pressed)


def test_no_key_that_a_terminal_needs_is_bound() -> None:
    pressed = {p.strip() for key in KEYS for p in key.keys.split(",")}
    assert not pressed & TAKEN_BY_TERMINALS
    assert "d" not in pressed
    assert "ctrl+d" not in pressed


def test_every_binding_can_be_remapped_by_its_id() -> None:
    assert {b.id for b in bindings(*get_args(Scope))} == {key.id for key in KEYS}


def test_help_lists_every_key_that_works_and_none_that_does_not() -> None:
    """Whatever screen it belongs to: there is no list of screens that could lack one."""
    active = [
        ActiveBinding(Widget(), one, key.id != "app.quit", "")
        for key in KEYS
        for one in bindings(*get_args(Scope))
        if isinstance(one, Binding) and one.id == key.id
    ]
    made = help_dialog("Here", "about", active).content
    assert callable(made)
    content = made(200)
    assert isinstance(content, Content)
    for key in KEYS:
        assert (f" {key.help}\n" in f"{content.plain}\n") == (key.id != "app.quit"), key.id


def test_help_writes_the_keys_in_the_readmes_order() -> None:
    """Whatever order Textual reports them in; keys that the user chose come after."""
    one = next(one for one in bindings("pane") if isinstance(one, Binding) and one.id == "pane.first")
    active = [ActiveBinding(Widget(), replace(one, key=key), True, "") for key in ("Z", "home", "g")]
    made = help_dialog("Here", "", active).content
    assert callable(made)
    assert "g home Z" in made(80).plain


def test_the_explanation_words_a_share_and_a_size_as_the_tools_do() -> None:
    facts = [dict(_facts(Finding(rule="r", severity="high", subject="", message="", measured=value, unit=unit)))
             for value, unit in ((0.605, "share"), (512.0, "bytes"), (1.0, "keys"))]  # fmt: skip
    assert [one["measured"] for one in facts] == ["61 %", "512 B", "1 key"]


def test_help_that_wraps_goes_on_under_its_own_column() -> None:
    active = [
        ActiveBinding(None, one, True)  # type: ignore[arg-type]
        for one in bindings(*get_args(Scope))
        if isinstance(one, Binding)
    ]
    made = help_dialog("Here", "about", active).content
    assert callable(made)
    wrapped = [line for line in made(48).plain.splitlines() if line]
    assert max(len(line) for line in wrapped) <= 48
    assert {line for line in wrapped if not line.startswith(" ")} == {"about", "Here", "Everywhere"}


def test_what_can_be_done_stays_in_the_footer_before_what_one_pane_adds() -> None:
    place = {key.id: (key.footer, number) for number, key in enumerate(KEYS)}
    assert all(place["pane.actions"] < place[one] for one in ("limits.detail", "cache.value", "feed.wrap"))


def test_the_page_of_keys_has_the_table_as_it_is() -> None:
    page = (asset_dir("styles").parent / "docs" / "keys.md").read_text("utf-8")
    assert markdown_table() in page, "python docs/generate.py"


def test_keys_are_written_as_people_write_them() -> None:
    assert written("question_mark,f1") == "? f1"
    assert written("ctrl+p", "^p") == "^p"


def test_colours_are_named_only_in_styles_and_theme() -> None:
    package = asset_dir("styles").parent / "optimus_tui"
    named = [
        str(path)
        for path in package.rglob("*.py")
        if path.name != "theme.py" and re.search(r"""["']#[0-9a-fA-F]{6}["']|\bcolor\(\d+\)""", path.read_text("utf-8"))
    ]
    assert named == []


def test_keys_that_do_the_same_are_one_row_everywhere() -> None:
    steps = [line for line in markdown_table().splitlines() if "Go to the step of that number" in line]
    assert steps == ["| `1-9` | Go to the step of that number, and its evidence | `incident.go_1` … `incident.go_9` |"]
    said = [line.split("|")[2] + line.split("|")[3].split(".")[0] for line in markdown_table().splitlines()[2:]]
    assert len(said) == len(set(said)), "two rows of one screen that say the same"


def test_help_has_one_row_for_them_and_names_the_keys_that_the_user_chose() -> None:
    def rows(other: str) -> list[str]:
        live = [
            ActiveBinding(Widget(), replace(one, key=other if one.id == "incident.go_3" else one.key), True, "")
            for one in bindings("incident")
            if isinstance(one, Binding)
        ]
        sections = help_dialog("Incident", "", live).sections
        return [keys for _, listed in sections for keys, text in listed if text.startswith("Go to the step of")]

    assert rows("3") == ["1-9"]
    assert rows("f3") == ["1 2 f3 4 5 6 7 8 9"]
