"""Toasts, one at a time and at most two lines each; and this session's messages, to be read again in full."""

import re
import time
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from rich.cells import cell_len
from textual.notifications import Notification, Notifications, SeverityLevel

from optimus_tui.wording.wrapping import elided, shortened_between_words, wrap

MOST_KEPT = 200
"""Messages that ``:messages`` shows."""
RANKS: dict[SeverityLevel, int] = {"error": 2, "warning": 1, "information": 1}
"""Errors stay on top of other answers and results; of those the newest is shown. The same holds among alerts."""
MOST_LINES, MOST_CELLS, LEAST_CELLS = 2, 130, 36
"""Lines of a toast, and the most and the least cells that its lines are broken at."""
EDGES = 5
"""Cells of a screen's line that a toast leaves free: its mark, its padding, and the rack round it."""
_OTHERS = re.compile(r" \([\d,]+ more( [a-z]+)?\)")
"""A count of other findings in a sentence, as ``and_others`` writes it."""


_LAST_CLAUSE = re.compile(r"(.+)([;:] |\n)(.+)", re.DOTALL)

LEAST_TOAST_SECONDS = 0.05
"""A toast stands at least so long."""


class LastingNotification(Notification):
    """A notification whose remaining time stays within bounds, even if the clock is set.

    The bounds are ``LEAST_TOAST_SECONDS`` and its timeout.

    Textual starts a toast's timer with its notification's remaining time. If that runs out while the toast is made (on
    a busy machine, or because the clock is set forward), the timer's interval is negative, its loop never ends, and the
    whole screen freezes.
    """

    whole = ""
    """The whole sentence, where the toast shows only its beginning."""
    is_alert = False
    """It came by itself: no key asked for it."""
    after_key = float("inf")
    """When the key before it was read; infinite where it does not end with its screen."""

    @property
    def time_left(self) -> float:
        """Return the seconds until it ends, for the timer of its toast."""
        return max(LEAST_TOAST_SECONDS, min(super().time_left, self.timeout))

    @property
    def has_expired(self) -> bool:
        """Return True if its time is over, by the wall clock."""
        return super().time_left <= 0


class Said(NamedTuple):
    """A message that was shown: when, how severe, and its text, which is safe."""

    wall: float
    severity: SeverityLevel
    text: str


class ToastQueue:
    """Chooses the toast that is shown: an error, else the newest; it counts the others."""

    def __init__(self) -> None:
        self.said: deque[Said] = deque(maxlen=MOST_KEPT)
        """The messages of this session, the oldest first."""
        self._shown: Notification | None = None
        self._of: Notification | None = None
        """Which message is shown."""
        self._place: object = None
        """The screen and the pane that toasts were shown on last."""

    def keep(self, notification: Notification) -> None:
        """Keep a message for ``:messages``."""
        whole = notification.whole if isinstance(notification, LastingNotification) else ""
        text = whole or f"{notification.title} {notification.message}".strip()
        self.said.append(Said(notification.raised_at, notification.severity, text))

    def choose(self, waiting: Iterable[Notification], screen_width: int, own_lines: int = MOST_LINES) -> Notifications:
        """Return the one toast to show, with a count of the others; none if no message waits.

        Args:
            waiting: The messages.
            screen_width: Columns.
            own_lines: Lines that are free for it.
        """
        chosen = Notifications()
        ranked = sorted(enumerate(waiting), key=lambda item: (_rank(item[1]), item[0]), reverse=True)
        if not ranked:
            self._shown = self._of = None
            return chosen
        top, others = ranked[0][1], len(ranked) - 1
        text = shown_text(top.message, others, toast_room(screen_width), own_lines, _is_alert(top))
        if self._of is not top or self._shown is None or self._shown.message != text:
            left = max(0.0, top.raised_at + top.timeout - time.time())
            self._shown = LastingNotification(text, top.title, top.severity, left, markup=top.markup)
            self._of = top
        return chosen.add(self._shown)

    def past(self, waiting: Iterable[Notification], place: object, key_at: float) -> list[Notification]:
        """Return the answers to keys of another screen or pane, if ``place`` has changed since they came.

        Args:
            waiting: The messages.
            place: The screen on top, and its current pane.
            key_at: When the last key was read. What came after it is its answer, and stays.
        """
        moved, self._place = place != self._place, place
        return [one for one in waiting if moved and isinstance(one, LastingNotification) and one.after_key < key_at]

    def source_of(self, toast: Notification) -> Notification:
        """Return the message that a toast shows."""
        if toast is self._shown and self._of is not None:
            return self._of
        return toast


def _rank(notification: Notification) -> tuple[bool, int]:
    """Return the rank of a message among those that wait: the highest is shown.

    The answer to a key never waits behind what came by itself, however bad that is: its finding stands in the list.
    """
    return not _is_alert(notification), RANKS[notification.severity]


def _is_alert(notification: Notification) -> bool:
    return isinstance(notification, LastingNotification) and notification.is_alert


def toast_room(screen_width: int) -> int:
    """Return the maximum width of a toast's line, in cells, on a screen of this width."""
    return max(LEAST_CELLS, min(MOST_CELLS, screen_width - EDGES))


def shown_text(message: str, others: int, room: int, most_lines: int = MOST_LINES, is_alert: bool = False) -> str:
    """Return the part of a message that a toast shows: at most two lines, cut between words.

    Args:
        message: The message; its own line breaks are kept if it fits into two lines.
        others: The number of further waiting messages. If any, theirs is the only count: counts of other findings are
            left out.
        room: Cells of a line.
        most_lines: The lines that it may have, one or two. In one its own line breaks become separators.
        is_alert: True for an alert: in one line it keeps its beginning. An answer to a key keeps its last clause, too.
    """
    text = _OTHERS.sub("", message) if others else _one_count(message)
    more = f" · {others:,} more: :messages" if others else ""
    if most_lines < MOST_LINES:
        more = more or " · :messages" * (cell_len(text.replace("\n", " · ")) > room)
        return f"{_in_one_line(text, room - cell_len(more), is_alert)}{more}"
    first, *rest_lines = text.split("\n")
    parts = [first, " ".join(rest_lines)] if rest_lines else wrap(text, room, cell_len)
    if len(parts) <= MOST_LINES and all(cell_len(part) <= room for part in [*parts[:-1], parts[-1] + more]):
        return "\n".join(parts) + more
    more, (first, *_) = more or " · :messages", parts
    rest = parts[1] if rest_lines else text[len(first) :].strip()
    if not rest:
        return f"{first}\n{more.removeprefix(' · ')}"
    return f"{_cut(first, room)}\n{_cut(rest, room - cell_len(more))}{more}"


def _in_one_line(text: str, room: int, is_alert: bool) -> str:
    """Return a message in one line: whole, without its last parts, or its first words and its last clause.

    The end of an answer says what to do; a path keeps both its ends.
    """
    line = text.replace("\n", " · ")
    clause_before = _LAST_CLAUSE.match(text)
    if is_alert or cell_len(line) <= room or " · " in text or clause_before is None:
        return _cut(line, room)
    first, joint, last = clause_before.groups()
    end = _cut(last, max(room // 2, room - cell_len(first) - len(joint)))
    begin = shortened_between_words(first + joint.rstrip(), room - cell_len(end) - 1, cell_len)
    return f"{begin} {end}".strip()


def _cut(text: str, room: int) -> str:
    """Return the first words of a sentence that fit, or both ends of a path; what stands between dots is left whole."""
    parts = text.split(" · ")
    while len(parts) > 1 and cell_len(" · ".join(parts)) > room:
        parts.pop()
    text = " · ".join(parts)
    if cell_len(text) <= room:
        return text
    return shortened_between_words(text, room, cell_len) or elided(text, room, cell_len)


def _one_count(text: str) -> str:
    """Return a sentence with the first of its counts of other findings only."""
    first = _OTHERS.search(text)
    if first is None:
        return text
    return text[: first.end()] + _OTHERS.sub("", text[first.end() :])
