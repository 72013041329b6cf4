"""Saved filters and bookmarked rows of the panes, kept for each environment in a private file."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import msgspec
from msgspec import structs

from optimus_tui.contract.keyspace import GroupTotals, LimitRow
from optimus_tui.dialects.layout import key_of
from optimus_tui.storage.append_log import set_aside
from optimus_tui.storage.private_file import PrivateFile, lock, put_in_place, read_plain, state_dir
from optimus_tui.tui.dashboard.reports import last_report
from optimus_tui.tui.panes.cache.pane import CachePane
from optimus_tui.tui.panes.cache.picking import KeyRun
from optimus_tui.tui.panes.cache.rows import KeyRow, group_id
from optimus_tui.tui.services import CommandError, DashboardServices
from optimus_tui.wording.safe import redact, safe_text

if TYPE_CHECKING:
    from optimus_tui.tui.dashboard.findings import FindingsController

MOST = 50
"""Filters that are kept, and bookmarks."""
MAX_BYTES = 2_000_000
"""A file with the longest bookmarks that are kept has half of it."""
LONGEST_NAME, LONGEST_FILTER, LONGEST_KEY = 40, 300, 4_096
MARKED_PANES = ("limits", "cache")
FILTERED_PANES = ("health", "limits", "cache", "feed")
VERBS = ("save", "drop")
"""Words after ``:filter`` that are no names."""


class SavedFilter(msgspec.Struct, frozen=True):
    """A filter of one pane, by its name."""

    pane: str
    name: str
    text: str


class Bookmark(msgspec.Struct, frozen=True):
    """A row of the limits or the cache pane.

    Attributes:
        pane: The pane.
        key: The key of the row in Redis; empty for a group of cache keys.
        words: Its text in the list of bookmarks (safe text).
        group: Kind and tenant of a row of the cache pane; None for a counter.
    """

    pane: str
    key: bytes
    words: str
    group: tuple[bytes, bytes | None] | None = None

    @property
    def row(self) -> tuple[str, bytes, tuple[bytes, bytes | None] | None]:
        """Return what identifies its row: pane, key in Redis, and the group (kind and tenant) of the cache pane."""
        return self.pane, self.key, self.group

    @property
    def is_sound(self) -> bool:
        """Return True if its pane can have bookmarks and its texts are not too long.

        The file may have been edited by hand.
        """
        names = (self.key, *(self.group or ()))
        has_row = bool(self.key or self.group) and (self.pane == "cache") == (self.group is not None)
        return self.pane in MARKED_PANES and has_row and all(len(one or b"") <= LONGEST_KEY for one in names)


class Views(msgspec.Struct, frozen=True):
    """The content of the file."""

    filters: tuple[SavedFilter, ...] = ()
    bookmarks: tuple[Bookmark, ...] = ()


class ViewsFile:
    """The file of one environment. Its methods read and write the disk: call them in a thread."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> tuple[Views, str]:
        """Return the stored views, and a sentence about a damaged file that was set aside; empty for none.

        Raises:
            OSError: It cannot be read, or not be set aside.
        """
        try:
            return _parsed(self.path), ""
        except FileNotFoundError:
            return Views(), ""
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            aside = set_aside(self.path, _is_sound)
        if aside is None:  # another session has just done it
            return Views(), ""
        name = safe_text(aside.name, 120)
        return Views(), f"saved filters and bookmarks were damaged: their file was set aside as {name}"

    def change(self, edit: Callable[[Views], Views]) -> tuple[Views, str]:
        """Apply a change to the present content of the file, which includes other sessions' changes.

        Returns:
            The result, and what ``load`` said.

        Raises:
            OSError: It cannot be written.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        turn = self.path.with_name(f"{self.path.name}.turn")  # setting a damaged file aside has a lock of its own
        with PrivateFile.open(turn, os.O_RDWR | os.O_CREAT) as file:
            lock(file.handle, turn, "the lock")
            found, trouble = self.load()
            views = edit(found)
            put_in_place(self.path, msgspec.json.encode(views))
        return views, trouble


def _parsed(path: Path) -> Views:
    """Return what a file holds, without what no session of ours can have kept there."""
    views = msgspec.json.decode(read_plain(path, MAX_BYTES)[0], type=Views)
    filters = [one for one in views.filters if _wrong_name(one.name) == "" and _may_be_kept(one)]
    marks = [structs.replace(one, words=safe_text(one.words, 120)) for one in views.bookmarks if one.is_sound]
    return Views(tuple(filters[-MOST:]), tuple(marks[-MOST:]))


def _may_be_kept(saved: SavedFilter) -> bool:
    text = saved.text
    return saved.pane in FILTERED_PANES and 0 < len(text) <= LONGEST_FILTER and text.isprintable()


def _wrong_name(name: str) -> str:
    """Return why a filter cannot be called so, in a sentence; empty where it can."""
    if not name or len(name) > LONGEST_NAME or not name.isprintable() or " " in name:
        return f"a filter's name is one word of at most {LONGEST_NAME} letters"
    if name in VERBS:
        return f"a filter cannot be called {name}: that is a word of :filter itself"
    return ""


def _is_sound(path: Path) -> bool:
    try:
        _parsed(path)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True


def bookmark_of(pane: str, row: object) -> Bookmark | None:
    """Return the bookmark of a row; None for a row that has no lasting key."""
    if isinstance(row, LimitRow):
        counter = row.counter
        words = safe_text(key_of(counter.key), 120)
        if counter.tenant:
            words = f"{safe_text(counter.tenant, 60)} / {safe_text(counter.operation, 60)}"
        return Bookmark(pane, counter.key, words)
    if isinstance(row, KeyRow):
        return Bookmark(pane, row.name, safe_text(row.name, 120), group_id(row.group))
    if isinstance(row, GroupTotals):
        tenant = "all tenants" if row.tenant is None else safe_text(row.tenant, 60)
        return Bookmark(pane, b"", f"{safe_text(row.kind, 60)} of {tenant}", group_id(row))
    return None


class SavedViews:
    """Saves and applies filters by name, and keeps bookmarks of rows."""

    def __init__(self, dashboard: DashboardServices, findings: "FindingsController") -> None:
        self.dashboard, self.findings = dashboard, findings
        self.views = Views()
        """What is saved: changed at once, and then in the file."""
        self.file = ViewsFile(state_dir() / "views" / f"{dashboard.settings.environment}.json")
        self._turn = asyncio.Lock()
        self._unwritten = 0
        """Changes that are not in the file yet."""

    async def load(self) -> None:
        """Read what earlier sessions saved."""
        try:
            self.views, trouble = await asyncio.to_thread(self.file.load)
        except OSError as error:
            trouble = f"saved filters and bookmarks cannot be read: {error}"
        if trouble:
            self.dashboard.say(trouble, "warning")

    def _change(self, edit: Callable[[Views], Views], sentence: str) -> None:
        self.views = edit(self.views)
        self._unwritten += 1
        self.dashboard.run_in_background("views", self._write, edit, sentence, exclusive=False)

    async def _write(self, edit: Callable[[Views], Views], sentence: str) -> None:
        trouble = ""
        async with self._turn:
            try:
                kept, trouble = await asyncio.to_thread(self.file.change, edit)
            except OSError as error:
                self.dashboard.say(f"{sentence}, for this session only: {error}", "error")
            else:
                self.dashboard.say(sentence)
                if self._unwritten == 1:
                    self.views = kept
            finally:
                self._unwritten -= 1
        if trouble:
            self.dashboard.say(trouble, "warning")

    # -- filters

    def filters_here(self) -> list[SavedFilter]:
        """Return the saved filters of the current pane, by name."""
        here = self.dashboard.current
        return sorted((one for one in self.views.filters if one.pane == here), key=lambda one: one.name)

    def filter_choices(self) -> list[str]:
        """Return the arguments that ``:filter`` completes here."""
        names = [one.name for one in self.filters_here()]
        return [*names, "save ", *(f"drop {name}" for name in names)]

    def use_filter(self, text: str) -> None:
        """Apply, save or forget a filter of the current pane (``:filter NAME``, ``save NAME``, ``drop NAME``).

        Raises:
            CommandError: There is no such filter, or no filter to save.
        """
        verb, _, name = text.partition(" ")
        if verb not in VERBS:
            self._apply(self._named(text))
        elif not name.strip():
            raise CommandError(f":filter {verb} needs the filter's NAME")
        else:
            {"save": self._save, "drop": self._drop}[verb](name.strip())

    def _named(self, name: str) -> SavedFilter:
        found = next((one for one in self.filters_here() if one.name == name), None)
        if found is None:
            known = ", ".join(one.name for one in self.filters_here()) or "none yet, :filter save NAME keeps one"
            raise CommandError(f"no filter {safe_text(name, 40)!r} of this pane; there are: {known}")
        return found

    def _apply(self, saved: SavedFilter) -> None:
        wrong = self.dashboard.pane(saved.pane).set_filter(saved.text)
        if wrong:
            self.dashboard.say(f"{saved.name} is no filter any more: {wrong}", "warning")
        else:
            self.dashboard.say(f"filter {saved.name}: {saved.text}")

    def _save(self, name: str) -> None:
        pane = self.dashboard.pane(self.dashboard.current)
        if not pane.filter.text or pane.filter_error:
            raise CommandError("there is no filter to save here: / filters this pane first")
        saved = SavedFilter(pane.NAME, name, pane.filter.text)
        if wrong := _wrong_name(name):
            raise CommandError(wrong)
        if not _may_be_kept(saved) or redact(saved.text) != saved.text:
            raise CommandError("this filter is not saved: it is too long, or seems to hold a password")

        def edit(views: Views) -> Views:
            others = [one for one in views.filters if (one.pane, one.name) != (saved.pane, saved.name)]
            return structs.replace(views, filters=(*others, saved)[-MOST:])

        self._change(edit, f"saved as {name}: :filter {name} applies it to this pane")

    def _drop(self, name: str) -> None:
        gone = self._named(name)

        def edit(views: Views) -> Views:
            kept = (one for one in views.filters if (one.pane, one.name) != (gone.pane, gone.name))
            return structs.replace(views, filters=tuple(kept))

        self._change(edit, f"filter {name} is forgotten")

    def pick_filter(self) -> None:
        """Show the saved filters of the current pane, and apply the one that is chosen (``:filters``).

        Raises:
            CommandError: None is saved.
        """
        from optimus_tui.tui.dialogs.base import PickDialog

        found = self.filters_here()
        if not found:
            raise CommandError("no filter of this pane is saved yet: filter it with /, then :filter save NAME")
        self.dashboard.open_screen(
            PickDialog("Saved filters", [(one.name, one.text) for one in found]),
            lambda at: self._apply(found[at]) if at is not None else None,
        )

    # -- bookmarks

    def toggle_bookmark(self) -> None:
        """Bookmark the row under the cursor, or remove its bookmark."""
        pane = self.dashboard.pane(self.dashboard.current)
        mark = bookmark_of(pane.NAME, pane.selected)
        if mark is None or not mark.is_sound:
            self.dashboard.say("no bookmark here: put the cursor on a counter or on cache keys", "warning")
            return
        was = any(one.row == mark.row for one in self.views.bookmarks)

        def edit(views: Views) -> Views:
            others = tuple(one for one in views.bookmarks if one.row != mark.row)
            return structs.replace(views, bookmarks=others if was else (*others, mark)[-MOST:])

        verb = "no longer bookmarked" if was else "bookmarked, ' lists all"
        self._change(edit, f"{mark.words}: {verb}")

    def pick_bookmark(self) -> None:
        """Show the bookmarks and go to the one that is chosen (``:bookmarks``)."""
        from optimus_tui.tui.dialogs.base import PickDialog

        found = self.views.bookmarks[::-1]
        if not found:
            self.dashboard.say("there is no bookmark yet: b on a counter or on cache keys makes one", "warning")
            return
        self.dashboard.open_screen(
            PickDialog("Bookmarks", [(one.words, f"{one.pane} pane") for one in found]),
            lambda at: self.go_to(found[at]) if at is not None else None,
        )

    def go_to(self, mark: Bookmark) -> None:
        """Go to a bookmarked row, or say that it does not exist now; ``esc`` goes back."""
        from optimus_tui.tui.dashboard.finding_places import Place

        report = last_report(self.dashboard, mark.pane)
        if report is None:
            self.dashboard.say(f"{mark.pane} has not been read yet: try again in a moment", "warning")
        elif not self._is_read(mark, report):
            why = "it may have expired" if report.coverage.complete else "not all has been read yet"
            self.dashboard.say(f"{mark.words} is not in {mark.pane} now: {why}", "warning")
        else:
            groups = () if mark.group is None else ((mark.group[0], None), mark.group)
            self.findings.go_to(Place(mark.pane, mark.key or mark.group, opened=groups), mark.words)

    def _is_read(self, mark: Bookmark, report: Any) -> bool:
        """Return True if the row is among those that were read last."""
        if mark.group is None:
            return any(row.counter.key == mark.key for row in report.rows)
        if mark.key:
            kind, tenant = mark.group
            pane = cast(CachePane, self.dashboard.pane("cache"))
            return mark.key in KeyRun(pane.builder.index.leaves(kind, tenant or b""))
        groups = (group for kind in report.kinds for group in (kind.totals, *kind.tenants))
        return any(group_id(group) == mark.group for group in groups)
