"""Saved filters and bookmarks outlive the session and stay with their environment; a damaged file is set aside."""

from pathlib import Path
from typing import Any

import msgspec
from msgspec import structs
from textual import events

from optimus_tui.contract.keyspace import GroupTotals
from optimus_tui.tui.dashboard.saved_views import (
    LONGEST_FILTER,
    LONGEST_KEY,
    MAX_BYTES,
    MOST,
    Bookmark,
    SavedFilter,
    Views,
    ViewsFile,
    bookmark_of,
)
from optimus_tui.tui.dialogs.base import PickDialog
from optimus_tui.tui.panes.cache.rows import KeyRow
from tests.realserver import RealServer
from tests.tui.driver import running, said, shown, until


async def test_a_filter_is_saved_by_name_and_used_again_in_its_pane(redis: RealServer, tmp_path: Path) -> None:
    async with running(redis) as (pilot, dashboard):
        pane = dashboard.pane("limits")
        dashboard.focus_on("limits")
        dashboard.prompt.run("filter save none")
        await until(pilot, lambda: "there is no filter to save here" in shown(pilot))
        pane.set_filter("tenant:acme")
        dashboard.prompt.run("filter save mine")
        await until(pilot, lambda: "saved as mine" in shown(pilot))
        pane.set_filter("")
    async with running(redis) as (pilot, dashboard):
        await until(pilot, lambda: bool(dashboard.saved.views.filters))
        dashboard.focus_on("limits")
        assert dashboard.saved.filter_choices() == ["mine", "save ", "drop mine"]
        dashboard.prompt.run("filter mine")
        assert [row.counter.tenant for row in dashboard.pane("limits").rows] == [b"acme"]
        dashboard.focus_on("cache")
        dashboard.prompt.run("filter mine")
        await until(pilot, lambda: "no filter 'mine' of this pane" in shown(pilot))
        dashboard.focus_on("limits")
        dashboard.prompt.run("filter drop mine")
        await until(pilot, lambda: "mine is forgotten" in shown(pilot))
        assert dashboard.saved.filter_choices() == ["save "]


async def test_a_bookmark_leads_back_to_its_row_and_says_where_it_is_gone(redis: RealServer) -> None:
    async with running(redis) as (pilot, dashboard):
        dashboard.focus_on("limits")
        pane: Any = dashboard.pane("limits")
        pane.move_to(next(at for at, row in enumerate(pane.rows) if row.counter.tenant == b"acme"))
        await pilot.press("b")
        await until(pilot, lambda: "acme / chat: bookmarked" in shown(pilot))
        pane.set_filter("tenant:clinic_b")
        dashboard.focus_on("health")
        await pilot.press("apostrophe")
        await until(pilot, lambda: isinstance(pilot.app.screen, PickDialog))
        assert "acme / chat" in said(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: dashboard.current == "limits" and pane.selected.counter.tenant == b"acme")
        await pilot.press("escape")
        await until(pilot, lambda: dashboard.current == "health" and pane.filter.text == "tenant:clinic_b")
        pane.set_filter("")
        redis.command("DEL", "rate_limit:acme:chat")
        await pilot.press("r")
        await until(pilot, lambda: all(row.counter.tenant != b"acme" for row in pane.rows))
        dashboard.saved.go_to(dashboard.saved.views.bookmarks[0])
        await until(pilot, lambda: "acme / chat is not in limits now: it may have expired" in shown(pilot))
        dashboard.focus_on("health")
        await pilot.press("b")
        await until(pilot, lambda: "no bookmark here" in shown(pilot))


def test_the_file_is_private_bounded_and_set_aside_where_it_is_damaged(tmp_path: Path) -> None:
    file = ViewsFile(tmp_path / "views" / "prod.json")
    assert file.load() == (Views(), "")
    many = tuple(SavedFilter("limits", f"f{number}", "tenant:acme") for number in range(MOST + 10))
    file.change(lambda views: Views(filters=many, bookmarks=(Bookmark("cache", b"\xff\x00", "x", (b"k", None)),)))
    assert file.path.stat().st_mode & 0o777 == 0o600
    kept, trouble = file.load()
    assert len(kept.filters) == MOST and trouble == ""
    assert kept.bookmarks[0].key == b"\xff\x00" and kept.bookmarks[0].group == (b"k", None)
    file.path.write_bytes(b'{"filters": [{"pane": 7}]}')
    assert file.load()[0] == Views()
    assert "set aside" not in file.load()[1], "it was moved with the first look"
    assert list(file.path.parent.glob("prod.json.damaged-*"))


def test_rows_without_a_lasting_key_have_no_bookmark() -> None:
    assert bookmark_of("feed", object()) is None and bookmark_of("cache", None) is None
    group = GroupTotals(
        kind=b"conversation", tenant=b"acme", keys=1, without_ttl=0, bytes_used=None, bytes_exact=False, histogram=()
    )
    made = bookmark_of("cache", group)
    assert made is not None and made.group == (b"conversation", b"acme") and made.words == "conversation of acme"


async def test_a_bookmarked_cache_key_is_found_in_its_closed_group(redis: RealServer) -> None:
    async with running(redis) as (pilot, dashboard):
        pane: Any = dashboard.pane("cache")
        await until(pilot, lambda: bool(pane.rows))
        dashboard.focus_on("cache")
        await pilot.press("l", "down", "l", "down")
        await until(pilot, lambda: isinstance(pane.selected, KeyRow))
        name = pane.selected.name
        await pilot.press("b", "h", "home", "h")
        await until(pilot, lambda: len(pane.rows) < 10 and not any(isinstance(row, KeyRow) for row in pane.rows))
        await pilot.press("1", "apostrophe", "enter")
        await until(pilot, lambda: getattr(pane.selected, "name", None) == name)
        redis.command("DEL", name.decode())
        await pilot.press("r")
        await until(pilot, lambda: all(getattr(row, "name", None) != name for row in pane.rows))
        dashboard.saved.go_to(dashboard.saved.views.bookmarks[0])
        await until(pilot, lambda: "is not in cache now" in shown(pilot))
        assert dashboard.saved.views.bookmarks, "the bookmark is kept: the key may come again"


async def test_bookmarks_set_in_one_burst_are_all_kept_and_the_command_comes_to_the_panes(redis: RealServer) -> None:
    async with running(redis) as (pilot, dashboard):
        dashboard.focus_on("limits")
        for key in ("b", "down", "b", "b", "L"):
            pilot.app.post_message(events.Key(key, key if len(key) == 1 else None))
        await until(pilot, lambda: type(pilot.app.screen).__name__ == "CommandLogScreen")
        await until(pilot, lambda: dashboard.saved.file.load()[0] == dashboard.saved.views)
        assert len(dashboard.saved.views.bookmarks) == 1, "the second row was bookmarked, and was not any more"
        assert pilot.app.run_command("bookmarks") == ""  # type: ignore[attr-defined]
        await until(pilot, lambda: isinstance(pilot.app.screen, PickDialog))
        assert pilot.app.screen_stack[-2] is dashboard


def test_words_of_the_command_are_no_names_and_what_the_file_holds_is_not_believed(tmp_path: Path) -> None:
    file = ViewsFile(tmp_path / "prod.json")
    good = SavedFilter("feed", "mine", "acme")
    odd = (structs.replace(good, name="a b"), structs.replace(good, pane="nowhere"), structs.replace(good, text="\x1b"))
    named = structs.replace(good, name="drop")
    marks = (Bookmark("feed", b"x", "x"), Bookmark("limits", b"", "x"), Bookmark("limits", b"x" * 9_999, "x"))
    seen = Bookmark("limits", b"x", "\x1b[31mred")
    file.path.write_bytes(msgspec.json.encode(Views((*odd, named, good), (*marks, seen))))
    kept, trouble = file.load()
    assert kept.filters == (good,) and trouble == ""
    assert [one.key for one in kept.bookmarks] == [b"x"] and "\x1b" not in kept.bookmarks[0].words


def test_a_change_sets_a_file_aside_that_was_damaged_meanwhile_and_says_so(tmp_path: Path) -> None:
    file = ViewsFile(tmp_path / "prod.json")
    file.path.write_bytes(b'{"x":' + b"[" * 100_000)
    good = SavedFilter("feed", "mine", "acme")
    kept, trouble = file.change(lambda views: structs.replace(views, filters=(*views.filters, good)))
    assert kept.filters == (good,) and "was set aside as prod.json.damaged-" in trouble
    assert file.load() == (kept, "")


def test_the_longest_bookmarks_and_filters_can_be_read_again(tmp_path: Path) -> None:
    file = ViewsFile(tmp_path / "prod.json")
    marks = tuple(
        Bookmark("cache", bytes([at]) * LONGEST_KEY, "\U0001f600" * 120, (b"\xff" * LONGEST_KEY, b"\xff" * LONGEST_KEY))
        for at in range(1, MOST + 1)
    )
    filters = tuple(SavedFilter("feed", f"f{at}", "\U0001f600" * LONGEST_FILTER) for at in range(MOST))
    file.change(lambda _: Views(filters, marks))
    kept, trouble = file.load()
    assert (len(kept.filters), len(kept.bookmarks), trouble) == (MOST, MOST, "")
    assert file.path.stat().st_size < MAX_BYTES / 2
