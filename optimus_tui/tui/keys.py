"""The one table of keys. Bindings, footer, help, palette and the page docs/keys.md are all made from it.

A key is changed here, or by a user in the configuration: ``[keys] "pane.zoom" = "Z"``.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from textual.binding import Binding

Scope = Literal["app", "pane", "limits", "cache", "feed", "health", "log", "tools", "router", "incident", "alerts"]


@dataclass(frozen=True)
class Key:
    """One row of the table. ``id`` is its name in the configuration."""

    id: str
    keys: str
    action: str
    label: str
    help: str
    scope: Scope
    footer: int = 0
    """Importance on the screens that have it: 1 is the most important. What has no room in the footer are the largest
    numbers. What a screen exists for comes before what every screen has. 0 keeps a key out of the footer."""
    shown: str = ""
    """How the key is written for people where its name is not clear enough."""
    needs_row: bool = False
    """It does something with rows only: a pane without any says so."""


KEYS: tuple[Key, ...] = (
    Key("app.help", "question_mark,f1", "help", "help", "Keys that work right here", "app", 1, "?"),
    Key(
        "app.command",
        "colon",
        "app.command_line",
        "command",
        "Command line: :limits acme, :env prod, :q",
        "app",
        2,
        ":",
    ),
    Key("app.palette", "ctrl+p", "command_palette", "palette", "Every action by name", "app", 0, "^p"),
    Key(
        "pane.filter",
        "slash",
        "screen.filter",
        "filter",
        "Filter this pane: text, /regex/, !not, tenant:acme ttl<30",
        "pane",
        8,
        "/",
    ),
    Key(
        "pane.explain",
        "e",
        "screen.explain",
        "explain",
        "Rule, threshold, measured value and samples behind a finding",
        "pane",
        7,
    ),
    Key(
        "pane.open",
        "enter",
        "open",
        "open",
        "Open the row: its detail or explanation; with the cursor on a finding, go to its row",
        "pane",
        9,
        needs_row=True,
    ),
    Key("pane.pause", "space", "pause", "pause", "Pause this pane; data is still collected", "pane", 14),
    Key("pane.sort", "s", "sort", "sort", "Sort by the next column", "pane", 13, needs_row=True),
    Key("pane.reverse", "S", "reverse", "reverse", "Reverse the order", "pane", needs_row=True),
    Key("pane.zoom", "z", "screen.zoom", "zoom", "One pane on the whole screen, and back", "pane", 12),
    Key("pane.copy", "y", "copy", "copy", "Copy the row's name", "pane", needs_row=True),
    Key(
        "pane.copy_as",
        "Y",
        "screen.copy_as",
        "copy as",
        "Copy as redis-cli, curl, command line or MCP call",
        "pane",
        15,
    ),
    Key("pane.export", "x", "export", "export", "Write what this pane shows to a file; asks first", "pane", 18),
    Key("pane.refresh", "r", "refresh", "refresh", "Read again now", "pane", 17),
    Key("app.slower", "minus", "interval(1)", "slower", "Refresh less often", "app", 0, "-"),
    Key("app.faster", "plus", "interval(-1)", "faster", "Refresh more often", "app", 0, "+"),
    Key("app.tools", "t", "tools", "tools", "The tools: ask, run, read, copy for other surfaces", "app", 20),
    Key("app.routine", "R", "routine", "routine", "The daily routine, and the tool for each symptom", "app", 21),
    Key(
        "app.router",
        "ctrl+n",
        "router",
        "new router",
        "Write a new router with its tests, step by step",
        "app",
        22,
        "^n",
    ),
    Key("app.incident", "i", "incident", "incident", "Incident: five guided steps; resumes an open one", "app", 5),
    Key("app.tenant", "T", "tenant", "tenant", "One tenant's screen: the row's tenant, or one you choose", "app", 19),
    Key("app.log", "L", "log", "command log", "Command log: what was sent to Redis and HTTP; copies it", "app", 23),
    Key("pane.actions", "a", "screen.actions", "actions", "What can be done about this row, once armed", "pane", 6),
    Key("pane.pin", "p", "screen.pin", "pin", "Pin this row to the open incident's timeline", "pane"),
    Key("pane.bookmark", "b", "screen.bookmark", "bookmark", "Bookmark this row, or remove the bookmark", "pane", 24),
    Key("pane.bookmarks", "apostrophe", "screen.bookmarks", "bookmarks", "Go to a bookmarked row", "pane", 25, "'"),
    Key(
        "pane.mark",
        "ctrl+space",
        "mark",
        "mark",
        "Mark this row and go on: actions and pins take all marked rows, esc clears",
        "pane",
        shown="^space",
    ),
    Key(
        "pane.range",
        "V,v",
        "mark(True)",
        "mark range",
        "Mark a range: press it at both ends (v too, but not in limits and cache)",
        "pane",
    ),
    Key("app.health", "1", "focus_pane('health')", "health", "Go to the health pane", "app"),
    Key("app.limits", "2", "focus_pane('limits')", "limits", "Go to the rate limits", "app"),
    Key("app.cache", "3", "focus_pane('cache')", "cache", "Go to the cache keys", "app"),
    Key("app.feed", "4", "focus_pane('feed')", "feed", "Go to the coherence feed", "app"),
    Key("app.next", "tab", "next_pane(1)", "next pane", "Go to the next pane", "app"),
    Key("app.previous", "shift+tab", "next_pane(-1)", "previous pane", "Go to the previous pane", "app"),
    Key("app.back", "escape", "back", "back", "One level back: filter, zoom, dialog; never quits", "app", 90, "esc"),
    Key("app.theme", "ctrl+t", "app.next_theme", "theme", "Next theme: dark, light, high contrast", "app", 0, "^t"),
    Key("app.suspend", "ctrl+z", "app.suspend_process", "suspend", "Suspend to the shell; fg returns", "app", 0, "^z"),
    Key(
        "app.quit",
        "q,ctrl+q",
        "quit",
        "quit",
        "Leave; on a screen or dialog q goes one level back, ctrl+q leaves from everywhere",
        "app",
        99,
    ),
    Key("pane.up", "up,k", "move(-1)", "up", "Up one row", "pane"),
    Key("pane.down", "down,j", "move(1)", "down", "Down one row", "pane"),
    Key("pane.page_up", "pageup", "page(-1)", "page up", "Up one page", "pane"),
    Key("pane.page_down", "pagedown,ctrl+f", "page(1)", "page down", "Down one page", "pane"),
    Key("pane.first", "g,home", "first", "first", "First row", "pane"),
    Key("pane.last", "G,end", "last", "last", "Last row; in the feed: follow again", "pane"),
    Key("limits.detail", "v", "detail", "detail", "Show or hide the counter's details", "limits", 11, needs_row=True),
    Key("cache.left", "left,h", "fold", "fold", "Close the group", "cache", needs_row=True),
    Key("cache.right", "right,l", "unfold", "unfold", "Open the group", "cache", needs_row=True),
    Key("cache.value", "v", "value", "value", "Show a bounded preview of the value", "cache", 11, needs_row=True),
    Key("feed.wrap", "w", "wrap", "wrap", "Wrap long events", "feed", 11, needs_row=True),
    Key(
        "feed.group",
        "g",
        "group",
        "group",
        "Group by type, tenant, channel; then the events again",
        "feed",
        10,
    ),
    Key("feed.clear", "c", "clear", "clear", "Clear the view; the counters continue", "feed", 16, needs_row=True),
    Key(
        "incident.step",
        "enter",
        "step",
        "next step",
        "Run the next step (the last one finishes the incident)",
        "incident",
        3,
    ),
    Key("incident.skip", "s", "skip", "skip", "Skip a step; asks why", "incident", 8),
    Key("incident.redo", "r", "redo", "redo", "Run this step again; shows what changed", "incident", 9),
    Key("incident.act", "a", "act", "act", "Carry out a recommendation; a dialog asks first", "incident", 4),
    Key("incident.note", "n", "note", "note", "Write a note into the timeline", "incident", 7),
    Key("incident.pin", "p", "pin", "pin", "Keep the line under the cursor in the timeline", "incident", 10),
    Key("incident.mark", "m", "mark", "mark", "Recommendation: done by hand, dismissed, open again", "incident", 11),
    Key("incident.look", "f", "look", "look at", "Choose which issue to examine", "incident", 12),
    Key(
        "incident.close",
        "c",
        "close",
        "close",
        "Close with cause and resolution; writes the post-mortem",
        "incident",
        5,
    ),
    Key("incident.discard", "D", "discard", "discard", "Discard an incident that was opened by mistake", "incident"),
    Key("incident.export", "x", "export", "export", "Write the post-mortem now", "incident", 6),
    *(
        Key(
            f"incident.go_{number}",
            str(number),
            f"go_to_step({number})",
            f"step {number}",
            "Go to the step of that number, and its evidence",
            "incident",
        )
        for number in range(1, 10)
    ),
    Key("alerts.mute", "m", "mute", "mute", "Mute this finding for a while; asks why", "alerts", 3),
    Key("alerts.unmute", "u", "unmute", "unmute", "Report this finding again", "alerts", 4),
    Key("log.polling", "p", "polling", "polling", "Show polls, summarised, or the commands that you caused", "log", 3),
    Key("tools.json", "J", "json", "JSON", "The answer as JSON, and back", "tools", 4),
    Key(
        "router.previous",
        "alt+left,f2",
        "previous_page",
        "back",
        "Wizard: previous page; answers stay",
        "router",
        4,
        "alt+←",
    ),
    Key(
        "router.next",
        "enter",
        "onward",
        "next",
        "Wizard: next page; the last ones write the files, run the tests, close",
        "router",
        3,
    ),
    Key("router.toggle", "space", "pick", "choose", "Wizard: tick or untick this", "router", 5),
    Key("router.add", "a", "add", "add", "Wizard: another field for the model", "router", 6),
    Key("router.edit", "e", "edit", "edit", "Wizard: change the field under the cursor", "router", 7),
    Key(
        "router.filter", "f", "filter", "filter", "Wizard: filter and sort the list by this field, or not", "router", 8
    ),
    Key("router.remove", "delete,backspace", "remove_field", "remove", "Wizard: remove the field", "router", 8, "del"),
    Key(
        "router.editor", "o", "screen.router_edit_file", "editor", "Open the file in $EDITOR, at the line", "router", 4
    ),
    Key("router.level", "l", "screen.next_level", "level", "Compliance: the level that is checked", "router", 5),
    Key("router.drift", "c", "screen.turn_drift", "live", "Compliance: code against Redis, and back", "router", 5),
)

NEED_ROWS = {key.action: key.label for key in KEYS if key.needs_row}
"""The actions that do something with rows only, and what they are called."""
WAYS_OUT = ("app.back", "app.quit")
"""The first of these that leads out of a screen stands at the end of its footer, at every width."""
ALWAYS = "app.help"
"""Stands first in every footer, at every width."""


def in_footer(widths: dict[str, int], room: int, gap: int) -> list[str]:
    """Return the keys that fit into a footer line, in their order there.

    Args:
        widths: The cells of each key with its label, by the key's id.
        room: The cells of the line.
        gap: The cells between two keys.
    """
    ranked = [key.id for key in sorted(KEYS, key=lambda key: key.footer) if key.footer and key.id in widths]
    out = [name for name in WAYS_OUT if name in ranked][:1]
    taken: list[str] = []
    for name in [ALWAYS, *out, *ranked]:
        if name not in taken and name in widths:
            needed = sum(widths[one] for one in (*taken, name)) + gap * len(taken)
            if needed <= room:
                taken.append(name)
    last = [name for name in out if name in taken]
    return [*(name for name in ranked if name in taken and name not in last), *last]


AHEAD = ("app.command", "pane.filter", "app.router", "app.suspend")
"""Keys that act before the focused pane sees them: what is typed right after must not reach it as commands."""


def as_sent(keys: str) -> str:
    """Return keys under every name that a terminal may send for them: many send NUL (``ctrl+@``) for ctrl+space."""
    return ",".join("ctrl+@,ctrl+space" if one.strip() == "ctrl+space" else one for one in keys.split(","))


def keymap(chosen_keys: Mapping[str, str]) -> dict[str, str]:
    """Return the keys that the user chose, by the id of the row, under the names that terminals send."""
    return {name: as_sent(keys) for name, keys in chosen_keys.items()}


def bindings(*scopes: Scope) -> list[Binding | tuple[str, str] | tuple[str, str, str]]:
    """Return the keys of these scopes as Textual bindings, remappable by id."""
    return [
        Binding(
            as_sent(key.keys),
            key.action,
            key.label,
            show=bool(key.footer),
            key_display=key.shown or None,
            id=key.id,
            priority=key.id in AHEAD,
            tooltip=key.help,
        )
        for key in KEYS
        if key.scope in scopes
    ]


def chosen(*ids: str) -> list[Binding | tuple[str, str] | tuple[str, str, str]]:
    """Return single keys of the table as bindings, for a screen that has only some keys of its scope."""
    wanted = {key.scope for key in KEYS if key.id in ids}
    return [key for key in bindings(*wanted) if isinstance(key, Binding) and key.id in ids]


def label_of(name: str) -> str:
    """Return the label of the key with this id."""
    return next(key.label for key in KEYS if key.id == name)


def is_typed(key: str) -> bool:
    """Return True if a key types a character in a text field."""
    return len(key) == 1 or key in TYPED


TYPED = ("space", "question_mark", "colon", "slash", "minus", "plus", "apostrophe")
"""Keys with names that are characters."""
MOVES = ("pane.up", "pane.down", "pane.page_up", "pane.page_down", "pane.first", "pane.last", "pane.open")
"""The keys of every list."""


def written(keys: str, shown: str = "") -> str:
    """Return a binding's keys as they are shown: ``ctrl+p`` is ``^p``, ``question_mark`` is ``?``."""
    names = {
        "question_mark": "?",
        "colon": ":",
        "slash": "/",
        "minus": "-",
        "plus": "+",
        "apostrophe": "'",
        "escape": "esc",
        "pageup": "PgUp",
        "pagedown": "PgDn",
        "shift+tab": "⇧tab",
        "up": "↑",
        "down": "↓",
        "left": "←",
        "right": "→",
        "alt+left": "alt+←",
        "delete": "del",
    }
    parts = [names.get(k, k.replace("ctrl+", "^")) for k in (k.strip() for k in keys.split(","))]
    if shown and shown not in parts:
        parts.insert(0, shown)
    return " ".join(parts)


def in_runs(keys: Iterable[Key]) -> Iterator[list[Key]]:
    """Yield the keys in their order; neighbours that do the same, such as 1-9, as one list."""
    for _, run in groupby(keys, key=lambda key: (key.scope, key.help)):
        yield list(run)


def from_to(names: Sequence[str], joint: str) -> str:
    """Return the first and the last name of a run, joined; a single name unchanged."""
    if len(names) == 1:
        return names[0]
    return f"{names[0]}{joint}{names[-1]}"


def markdown_table() -> str:
    """Return the table of keys as Markdown, for docs/keys.md."""
    rows = ["| key | does | id |", "|---|---|---|"]
    for run in in_runs(KEYS):
        keys, ids = (
            from_to([written(key.keys, key.shown) for key in run], "-"),
            from_to([f"`{key.id}`" for key in run], " … "),
        )
        rows.append(f"| `{keys}` | {run[0].help} | {ids} |")
    return "\n".join(rows)
