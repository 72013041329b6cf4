"""The words of the toasts about alerts."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from rich.cells import cell_len

from optimus_tui.contract.finding_rules import rule_of
from optimus_tui.contract.findings import Finding, Notice, Severity
from optimus_tui.tui.theme import SEVERITY_TOASTS
from optimus_tui.tui.widgets.cells import first_that_fits, fit_name, fit_words
from optimus_tui.verdicts.hysteresis import without_windows
from optimus_tui.wording.numbers import clause, clock
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.short_hash import short_names
from optimus_tui.wording.truth import SETTLING, SEVERITY_MARKS, SIDE_EFFECT
from optimus_tui.wording.wrapping import in_short


class Toast(NamedTuple):
    """A toast's two lines, its severity, and its full text for ``:messages``, one line per finding."""

    text: str
    severity: Literal["information", "warning", "error"]
    whole: str


MOST_TOASTS = 3
"""More than this at once become one that counts them."""
_SAID = {"standing": "at the start", "worsened": "worse now", "still": "mute ended", "outlasted": "its cause has ended"}
_KINDS = {
    "standing": "standing",
    "appeared": "new",
    "worsened": "worse",
    "still": "muted before",
    "outlasted": "without their cause",
    "expected": "settling",
    "overdue": "outlasting what you did",
    "cleared": "cleared",
}


Early = Callable[[Finding], str]
"""Returns why it is too early to call a finding worse: something was done for it, and no proof is possible yet."""

Hint = Callable[[Finding], str]
"""Returns what the next keys do for a finding; empty where none does anything."""


def _never(_: Finding) -> str:
    return ""


def toasts(
    notices: Sequence[Notice],
    room: int,
    hint: Hint,
    most: int = MOST_TOASTS,
    early: Early = _never,
    at: float | None = None,
) -> list[Toast]:
    """Return the toasts for new notices, each with its severity.

    Args:
        notices: The new notices.
        room: Cells of a line; a toast has at most two lines.
        hint: Returns the keys to press next for a bad one; empty for none.
        most: The maximum number of toasts; one more counts the rest.
        early: Returns why a finding is not yet called worse; empty if it is.
        at: The time of the figures, which the rows soon no longer show, in wall-clock seconds; None to say none.
    """
    standing = [notice for notice in notices if notice.kind == "standing"]
    if len(standing) > 1:
        rest = [notice for notice in notices if notice.kind != "standing"]
        title = f"{len(standing)} findings were there at the start"
        title = first_that_fits([title, f"{len(standing)} findings at the start"], room)
        return [_together(title, standing, room, early, at), *toasts(rest, room, hint, most, early, at)]
    if len(notices) > max(1, most):
        counts = Counter("too early to tell" if _early(notice, early) else _KINDS[notice.kind] for notice in notices)
        title = ", ".join(f"{count} {kind}" for kind, count in counts.items())
        return [_together(f"{len(notices)} findings: {title}", notices, room, early, at)]
    return [_single(notice, room, hint, early, at) for notice in notices]


def _dated(words: str, finding: Finding, room: int, at: float | None) -> str:
    """Return the words with the time of a finding's figures, if it tells any, and the time fits."""
    has_figures = any(map(str.isdigit, in_short(_message(finding)).removeprefix(finding.subject)))
    if at is None or not has_figures:
        return words
    return first_that_fits([f"{words} · as of {clock(at)}", words], room)


def _kind(severity: Severity) -> Literal["information", "warning", "error"]:
    return SEVERITY_TOASTS[SEVERITY_MARKS[severity].severity_style]


def _early(notice: Notice, early: Early) -> str:
    if notice.kind == "worsened":
        return early(notice.finding)
    return ""


def _said(notice: Notice, early: Early) -> str:
    act = notice.act or "what you did"
    said = {"expected": f"{SIDE_EFFECT}{act}: an alarm only if it lasts", "overdue": f"it outlasts {act}"}
    return _early(notice, early) or (_SAID | said).get(notice.kind, "")


def _together(title: str, notices: Sequence[Notice], room: int, early: Early, at: float | None) -> Toast:
    worst = next((notice for notice in notices if notice.kind != "expected"), notices[0])
    kind = _kind(worst.severity)
    if worst.kind in ("cleared", "expected"):
        kind = "information"
    shown = f"{_dated(_cut(title, room), worst.finding, room, at)}\n{_lines(worst.finding, worst.severity, room)[0]}"
    return Toast(shown, kind, "\n".join([title, *(_whole(notice, early) for notice in notices)]))


def _whole(notice: Notice, early: Early) -> str:
    """Return a notice in one sentence: its mark, what is new about it, and all that the finding says."""
    message, mark = safe_text(notice.finding.message, 400), SEVERITY_MARKS[notice.severity].text
    if notice.kind == "cleared":
        return f"● cleared  was {mark}: {message}"
    said = _said(notice, early)
    return f"{mark} {message}{clause(said, ' (', ')')}"


def _single(notice: Notice, room: int, hint: Hint, early: Early, at: float | None) -> Toast:
    if notice.kind in ("cleared", "expected"):
        is_over = notice.kind == "cleared"
        head = "● cleared  " if is_over else f"{SETTLING.glyph} {SETTLING.word.lower()}  "
        subject = short_names(safe_text(notice.finding.subject, 120))
        name = _name(subject, room - cell_len(head))
        says = in_short(_message(notice.finding).removeprefix(subject)).strip()
        says = says or rule_of(notice.finding.rule).title
        below = f"was {SEVERITY_MARKS[notice.severity].text}: {says}"
        if not is_over:
            act = clause(notice.act, "; after ")
            below = first_that_fits([f"{says}{act}", f"{says}; an alarm only if it lasts", says], room)
        return Toast(f"{head}{name}\n{_cut(below, room)}", "information", _whole(notice, early))
    said = _said(notice, early)
    keys = hint(notice.finding) or ":alerts"
    below = first_that_fits([" · ".join(part for part in (said, keys) if part), said or keys], room)
    below = _dated(below, notice.finding, room, at)
    line, rest = _lines(notice.finding, notice.severity, room)
    shown = f"{line} · {below}"
    if rest or cell_len(shown) > room:
        shown = f"{line}\n{_cut(rest or below, room)}"
    return Toast(shown, _kind(notice.severity), _whole(notice, early))


def _lines(finding: Finding, severity: Severity, room: int) -> tuple[str, str]:
    """Return ``✖ CRIT clinic_b / chat never resets``: the name is shortened first; then a second line is used."""
    mark = SEVERITY_MARKS[severity].text + " "
    subject, message = short_names(safe_text(finding.subject, 120)), _message(finding)
    if not message.startswith(subject):
        return mark + _cut(in_short(message), room - cell_len(mark)), ""
    says = in_short(message[len(subject) :])
    left = room - cell_len(mark) - cell_len(says)
    if left < min(12, cell_len(subject)):
        return mark + _name(subject, room - cell_len(mark)), says.strip()
    return mark + _name(subject, left) + says, ""


def _message(finding: Finding) -> str:
    """Return a finding's sentence without its windows, which would take the room of what was found."""
    return safe_text(without_windows(finding.message), 400)


def _cut(text: str, room: int) -> str:
    """Return the first words that fit."""
    return fit_words(text, room).rstrip()


def _name(text: str, room: int) -> str:
    if cell_len(text) <= room:
        return text
    return fit_name(text, room)
