"""One value is changed in a file, and nothing else: comments, order, line ends and foreign forms stay as they are."""

import tomllib
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from optimus_tui.settings.editing import toml_of, with_value
from optimus_tui.settings.table import SettingsError

FILE = """# ours
theme = "optimus-light"   # for the glare
refresh_seconds=5

# the night shift's
[thresholds]
hit_rate_warn = 0.7 # "0.8" is too much

[env.prod]  # the real one
writable = true

[env.prod.thresholds]
hit_rate_warn = 0.9

[keys]
"pane.zoom" = "Z"
"""


def test_a_value_is_replaced_where_it_stands_and_its_comment_stays() -> None:
    assert with_value(FILE, ("theme",), "x") == FILE.replace('"optimus-light"', '"x"')
    assert with_value(FILE, ("refresh_seconds",), 2.5) == FILE.replace("=5", "=2.5")
    assert with_value(FILE, ("thresholds", "hit_rate_warn"), 0.65) == FILE.replace("= 0.7 #", "= 0.65 #")
    assert with_value(FILE, ("keys", "pane.zoom"), "ctrl+o") == FILE.replace('"Z"', '"ctrl+o"')


def test_a_new_value_goes_into_its_table_and_a_new_table_to_the_end() -> None:
    new = with_value(FILE, ("thresholds", "near_limit"), 0.8)
    assert "too much\nnear_limit = 0.8\n\n[env.prod]" in new
    assert with_value(FILE, ("mouse",), False) == FILE.replace("=5\n", "=5\nmouse = false\n")
    assert with_value("", ("mouse",), False) == "mouse = false\n"
    assert with_value("", ("keys", "app.help"), "h") == '[keys]\n"app.help" = "h"\n'
    assert (
        with_value('theme = "x"', ("thresholds", "near_limit"), 0.8)
        == 'theme = "x"\n\n[thresholds]\nnear_limit = 0.8\n'
    )
    assert with_value("thresholds.near_limit = 0.9\n", ("thresholds", "hit_rate_warn"), 0.5).endswith(
        "hit_rate_warn = 0.5\n"
    )


def test_the_default_is_the_line_taken_away() -> None:
    assert with_value(FILE, ("refresh_seconds",), None) == FILE.replace("refresh_seconds=5\n", "")
    assert with_value(FILE, ("bell",), None) == FILE


def test_line_ends_and_a_byte_order_mark_stay() -> None:
    windows = "\ufeff" + FILE.replace("\n", "\r\n")
    new = with_value(windows, ("thresholds", "near_limit"), 0.8)
    assert new.startswith("\ufeff# ours\r\n")
    assert new.count("\n") == new.count("\r\n")
    assert with_value("a = 1\r\nb = 2", ("mouse",), True) == "a = 1\r\nb = 2\r\nmouse = true\r\n"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("thresholds = {hit_rate_warn = 0.7}\n", ("thresholds", "hit_rate_warn")),
        ("theme = 'x'\n[keys]\n'pane.zoom' = '''\nZ'''\n", ("keys", "pane.zoom")),
        ("keys = 3\n", ("keys", "pane.zoom")),
    ],
)
def test_a_form_that_cannot_be_edited_by_lines_is_left_alone_with_a_sentence(text: str, path: tuple[str, ...]) -> None:
    with pytest.raises(SettingsError, match=r"by hand|no table"):
        with_value(text, path, "q")


def test_what_looks_like_a_line_of_settings_inside_of_a_text_is_not_touched() -> None:
    text = 'note = """\n[thresholds]\nhit_rate_warn = 1\n"""\n'
    try:
        new = with_value(text, ("thresholds", "hit_rate_warn"), 0.5)
    except SettingsError:
        return
    assert tomllib.loads(new)["note"] == tomllib.loads(text)["note"]


names = st.sampled_from(["theme", "bell", "pane.zoom", "hit_rate_warn", "a b", "é", "x-1", "#"])
texts = st.text(st.characters(codec="utf-8"), max_size=12)
values = st.one_of(texts, st.booleans(), st.integers(-999, 999), st.floats(-1e6, 1e6))
comments = st.sampled_from(["", " # why", "# x = 1", "   # [keys]", '  # "quoted" = 2'])
tables = st.lists(st.sampled_from([(), ("keys",), ("thresholds",), ("env", "prod")]), unique=True, max_size=4)


@st.composite
def files(draw: st.DrawFn) -> str:
    lines: list[str] = []
    for table in sorted(draw(tables)):
        if table:
            lines += [draw(st.sampled_from(["", "# above"])), f"[{'.'.join(table)}]{draw(comments)}"]
        for name in draw(st.lists(names, unique=True, max_size=4)):
            pad = draw(st.sampled_from(["", "  "]))
            lines.append(f"{pad}{toml_of(name)}{pad}={pad}{toml_of(draw(values))}{draw(comments)}")
    return "\n".join(lines) + draw(st.sampled_from(["", "\n", "\n\n"]))


def keep(table: dict[str, Any], path: tuple[str, ...], value: object) -> dict[str, Any]:
    inner = table
    for name in path[:-1]:
        inner = inner.setdefault(name, {})
    if value is None:
        inner.pop(path[-1], None)
    else:
        inner[path[-1]] = value
    return table


@given(files(), st.sampled_from([(), ("keys",), ("thresholds",)]), names, st.one_of(st.none(), values))
@example('"theme"="#"# why', (), "theme", "#")
def test_any_file_is_the_same_afterwards_but_for_the_one_value(
    text: str, table: tuple[str, ...], name: str, value: object
) -> None:
    path = (*table, name)
    new = with_value(text, path, value)
    expected = keep(tomllib.loads(text), path, value)
    found = tomllib.loads(new)
    for key in list(expected):
        if expected[key] == {}:
            assert found.pop(key, {}) == {}
            del expected[key]
    assert found == expected
    old, rest = text.split("\n"), new.split("\n")
    gone = [line for line in old if line.strip() and line not in rest]
    assert len(gone) <= 1, "at most the one line is another"
    for line in gone:
        comment = line.partition(" # why")[1]
        assert value is None or comment in new
