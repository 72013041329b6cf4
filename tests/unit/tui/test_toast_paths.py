"""What a toast shows: two lines at most, one count, a path that keeps both ends."""

import pytest
from rich.cells import cell_len

from optimus_tui.tui.base_screen import toast_text
from optimus_tui.tui.toasts.queue import LEAST_CELLS, shown_text, toast_room

PATH = "/home/operator/.local/state/optimus-tui/incidents/2026-11-29-demo-engine/"
LONG = "better, but not fixed 33 s after you acted: it decreased, but is not gone: 70 bulk invalidations of 10 tenants "


def test_a_path_stands_on_a_line_of_its_own_and_a_hostile_one_is_escaped() -> None:
    assert toast_text("84 lines written to", "/srv/x.txt") == "84 lines written to\n/srv/x.txt"
    assert toast_text("a\nb", None) == "a\\nb"
    assert "\x1b" not in toast_text("written to", "/srv/\x1b[2J/x")


@pytest.mark.parametrize("others", [0, 1, 1_247])
@pytest.mark.parametrize("width", [60, 80, 100, 140, 200])
@pytest.mark.parametrize(
    "text",
    ["done", LONG, LONG * 3, "x" * 300, f"84 lines written to\n{PATH}", f"{LONG}\n{PATH * 4}", "a\nb\nc\nd", "接" * 90],
)
def test_a_toast_has_two_lines_at_most_and_no_word_is_cut(text: str, width: int, others: int) -> None:
    shown = shown_text(text, others, toast_room(width))
    lines = shown.split("\n")
    assert len(lines) <= 2
    assert all(cell_len(line) <= toast_room(width) <= width - 4 or cell_len(line) <= LEAST_CELLS for line in lines)
    more = f"{others:,} more: :messages"
    assert (more in shown) == bool(others)
    assert not any(line.startswith(" ·") for line in lines), "a separator has something before it"
    is_cut = "".join(shown.removesuffix(more).removesuffix(" · ").split()) != "".join(text.split())
    assert shown.endswith(":messages") == (is_cut or bool(others)), "only what is cut, and others, say where they are"
    if others == 0 and is_cut:
        assert "…" in shown
    for word in shown.replace("·", " ").split():
        plain = word.strip("…")
        assert word in ("…", ":messages", "more:", f"{others:,}") or plain in text or "…" in word


def test_a_sentence_that_one_line_holds_takes_one() -> None:
    text = "No job drops cached answers in bulk any more."
    assert shown_text(text, 0, 72) == text


def test_a_long_path_keeps_its_beginning_and_its_end() -> None:
    first, second = shown_text(f"written to\n{PATH}report-of-the-whole-night-and-the-day-before.html", 0, 72).split(
        "\n"
    )
    assert first == "written to"
    assert second.startswith("/home/operator/") and second.endswith("before.html · :messages") and "…" in second


@pytest.mark.parametrize(
    ("text", "others", "shown"),
    [
        ('fixed: "hit rate 40 %" is gone (2 more)', 1, 'fixed: "hit rate 40 %" is gone\n · 1 more: :messages'),
        ("stop jobs (2 more): hit rate is gone (1 more)", 0, "stop jobs (2 more): hit rate is gone"),
        ("hit rate is gone (1 more)", 0, "hit rate is gone (1 more)"),
    ],
)
def test_there_is_one_count_only(text: str, others: int, shown: str) -> None:
    found = shown_text(text, others, 72)
    assert found.replace("\n", "") == shown.replace("\n", "")
    assert found.count("+") + found.count(" more") == 1
