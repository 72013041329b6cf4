"""The pages are what the code says, and name only files that exist; the README stays short."""

import importlib.util
import re
from pathlib import Path

import pytest

from optimus_tui.patterns.references import reference
from optimus_tui.patterns.rules import RULES

ROOT = Path(__file__).parents[2]
_SPEC = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
assert _SPEC is not None and _SPEC.loader is not None
generate = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(generate)

PAGES = [
    *sorted((ROOT / "docs").glob("*.md")),
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "ARCHITECTURE.md")),
]
_ROOMS = "|".join(path.name for path in (ROOT / "optimus_tui").iterdir() if path.is_dir())
_OUR_FILE = re.compile(rf"`((?:optimus_tui|tests|docs|templates|styles|\.github|\.ci|{_ROOMS})/[\w./*{{}},-]*)`")
_NAME_IN_FILE = re.compile(r"`(\w+)`(?: and `(\w+)`)? in `([\w./-]+\.py)`")
_CODE = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")
_ADDRESS = re.compile(r"\b(?:https?|wss?)://([^\s/:`\"'<>)]+)")
OURS = ("localhost", "127.0.0.1", "gateway.internal", "engine.internal", "10.0.0.7", "…")
"""Hosts that examples name; none of them is somebody's."""


@pytest.mark.parametrize("name", sorted(generate.PAGES))
def test_a_page_that_follows_the_code_is_what_the_code_says(name: str) -> None:
    assert (ROOT / "docs" / name).read_text("utf-8") == generate.made(name), "python docs/generate.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_that_exist_and_to_nobody_else(page: Path) -> None:
    text = page.read_text("utf-8")
    if page.name == "rules.md":  # what explains a rule is public
        for rule in RULES.values():
            text = text.replace(f"<{reference(rule)}>", "")
    assert [link for link in _LINK.findall(_CODE.sub("", text)) if not (page.parent / link).exists()] == []
    assert [host for host in _ADDRESS.findall(text) if host not in OURS] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_of_ours_that_a_page_names_exist(page: Path) -> None:
    named = [name for written in _OUR_FILE.findall(page.read_text("utf-8")) for name in spelled_out(written)]
    places = (ROOT, ROOT / "optimus_tui")
    assert [name for name in named if not any(any(place.glob(name)) for place in places)] == []


def test_names_are_in_the_files_that_the_architecture_names() -> None:
    rows = _NAME_IN_FILE.findall((ROOT / "ARCHITECTURE.md").read_text("utf-8"))
    missing = [
        (name, file)
        for *names, file in rows
        for name in filter(None, names)
        if not re.search(
            rf"^\s*(?:class |(?:async )?def )?{name}\b", (ROOT / "optimus_tui" / file).read_text("utf-8"), re.MULTILINE
        )
    ]
    assert missing == []
    assert len(rows) > 15


def spelled_out(name: str) -> list[str]:
    """Return the names that ``a/{b,c}.py`` stands for."""
    match = re.search(r"\{([^}]*)\}", name)
    if match is None:
        return [name]
    return [f"{name[: match.start()]}{choice}{name[match.end() :]}" for choice in match[1].split(",")]


def test_every_setting_has_its_meaning() -> None:
    rows = [line for line in generate.made("settings.md").splitlines() if line.startswith("| `")]
    assert [row for row in rows if not row.rstrip(" |").endswith((".", "`"))] == []
    assert len(rows) > 30


def test_every_argument_and_every_field_of_an_answer_has_its_meaning() -> None:
    rows = [line for line in generate.made("tools.md").splitlines() if line.startswith("| `")]
    assert [row for row in rows if row.endswith("|  |")] == []
    assert len(rows) > 80


def test_the_readme_is_short_and_keeps_the_two_lines_that_set_it_up() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert len(readme.splitlines()) <= 200
    assert "\npip install -e '.[demo]' && optimus-tui demo " in readme
    assert "\npip install -e '.[dev]' && pytest " in readme
    assert {
        f"docs/pictures/{name}.svg" for name in ("dashboard", "triage", "incident", "wizard", "standup", "tour")
    } <= set(_LINK.findall(readme))


def test_pictures_are_whole_and_load_nothing() -> None:
    pictures = sorted((ROOT / "docs" / "pictures").glob("*.svg"))
    for picture in pictures:
        text = picture.read_text("utf-8")
        assert text.rstrip().endswith("</svg>"), picture.name
        assert "@font-face" not in text, picture.name
        assert "url(http" not in text, picture.name
    assert len(pictures) == 6


def test_the_check_of_a_built_site_finds_what_is_loaded_from_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text(
        '<link href="assets/a.css"><script src="https://cdn.example/x.js"></script><a href="https://a.example">x</a>',
        "utf-8",
    )
    (tmp_path / "a.css").write_text("a { background: url(//fonts.example/y.woff) }", "utf-8")
    assert generate.foreign(tmp_path) == ["a.css: //fonts.example/y.woff", "index.html: https://cdn.example/x.js"]
