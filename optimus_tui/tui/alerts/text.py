"""The words of alerts: toasts of two short lines, and the rows of the history. Pure, and safe text."""

from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple

from rich.cells import cell_len

from optimus_tui.contract.findings import AlertEpisode, Finding, Mute, Notice, Severity
from optimus_tui.tui.widgets.figures import first_that_fits
from optimus_tui.tui.widgets.table import Cell, Column, Table, fit_cell, fit_name
from optimus_tui.verdicts.alerts import OpenEpisode
from optimus_tui.wording.age import age, clock
from optimus_tui.wording.numbers import latency, percent, plural
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.truth import SEVERITY_MARKS, STILL_TODAY_SECONDS

Toast = tuple[str, Literal["information", "warning", "error"]]

MOST_TOASTS = 3
"""More than this at once become one that counts them."""
_SAID = {"standing": "at the start", "worsened": "worse now", "still": "mute ended"}
_KINDS = {"standing": "standing", "appeared": "new", "worsened": "worse", "still": "muted before", "cleared": "cleared"}
_TONES: dict[str, Literal["warning", "error"]] = {"critical": "error", "high": "warning", "medium": "warning"}
_INKS = {"critical": "crit", "high": "warn", "medium": "warn", "low": "quiet"}


# -- toasts


def toasts(notices: Sequence[Notice], room: int, hint: str, most: int = MOST_TOASTS) -> list[Toast]:
    """Return the toasts for new notices, each with its severity.

    Args:
        notices: What is new.
        room: Cells of a line; a toast has at most two lines.
        hint: The next key for what is bad; empty for none.
        most: How many toasts there may be. One more is made that counts the rest.
    """
    standing = [notice for notice in notices if notice.kind == "standing"]
    if len(standing) > 1:
        rest = [notice for notice in notices if notice.kind != "standing"]
        title = f"{len(standing)} findings since before the start"
        title = first_that_fits([title, title.replace(" findings", "")], room)
        return [_together(title, standing, room), *toasts(rest, room, hint, most)]
    if len(notices) > max(1, most):
        counts = Counter(_KINDS[notice.kind] for notice in notices)
        title = ", ".join(f"{count} {kind}" for kind, count in counts.items())
        return [_together(f"{len(notices)} findings: {title}", notices, room)]
    return [_single(notice, room, hint) for notice in notices]


def _together(title: str, notices: Sequence[Notice], room: int) -> Toast:
    worst = notices[0]
    tone: Literal["information", "warning", "error"] = _TONES[worst.severity]
    if worst.kind == "cleared":
        tone = "information"
    return f"{fit_cell(title, room).rstrip()}\n{_lines(worst.finding, worst.severity, room)[0]}", tone


def _single(notice: Notice, room: int, hint: str) -> Toast:
    if notice.kind == "cleared":
        head = "● cleared  "
        name = _name(safe_text(notice.finding.subject, 120), room - cell_len(head))
        below = f"was {SEVERITY_MARKS[notice.severity].text}: {notice.finding.rule}"
        return f"{head}{name}\n{fit_cell(below, room).rstrip()}", "information"
    below = " · ".join(part for part in (_SAID.get(notice.kind, ""), hint or ":alerts") if part)
    line, rest = _lines(notice.finding, notice.severity, room)
    return f"{line}\n{fit_cell(rest or below, room).rstrip()}", _TONES[notice.severity]


def _lines(finding: Finding, severity: Severity, room: int) -> tuple[str, str]:
    """``✖ CRIT clinic_b / chat never resets``: the name gives way; where that is not enough, a second line."""
    mark = SEVERITY_MARKS[severity].text + " "
    subject, message = safe_text(finding.subject, 120), safe_text(finding.message, 400)
    if not message.startswith(subject):
        return mark + fit_cell(_head(message), room - cell_len(mark)).rstrip(), ""
    says = _head(message[len(subject) :])
    left = room - cell_len(mark) - cell_len(says)
    if left < min(12, cell_len(subject)):
        return mark + _name(subject, room - cell_len(mark)), says.strip()
    return mark + _name(subject, left) + says, ""


def _name(text: str, room: int) -> str:
    if cell_len(text) <= room:
        return text
    return fit_name(text, room)


def _head(message: str) -> str:
    return message.split(": ", 1)[0].split(" (", 1)[0]


# -- the history


def state_of(episode: AlertEpisode, held: OpenEpisode | None, muted: bool) -> tuple[str, str]:
    """Return an episode's state and its style; ``held`` is its alert if this process holds it open."""
    if held is None:
        return {"": ("not watched", "quiet"), "cleared": ("cleared", "good"), "continued": ("went on", "quiet")}[
            episode.end
        ]
    if episode.blind:
        return "unknown now", "warn"
    if not held.present:
        return "just gone", "quiet"
    if muted:
        return "muted", "quiet"
    return "active", _INKS[episode.severity]


class EpisodeNow(NamedTuple):
    """An episode with its state and that state's style, as of ``now`` in seconds since the epoch."""

    episode: AlertEpisode
    state: tuple[str, str]
    now: float

    @property
    def is_quiet(self) -> bool:
        """Return True if nothing has to be done about it now."""
        return self.state[1] in ("quiet", "good")


def _worst_cell(line: EpisodeNow, _: int) -> Cell:
    severity = line.episode.finding.severity
    return SEVERITY_MARKS[severity].text, "quiet" if line.is_quiet else _INKS[severity]


def _subject_cell(line: EpisodeNow, cells: int) -> Cell:
    return [(fit_name(safe_text(line.episode.finding.subject, 120), cells), "" if line.is_quiet else "bright")]


def _back_cell(line: EpisodeNow, _: int) -> Cell:
    return f"{line.episode.back}×" if line.episode.back else "", "warn"


TABLE = Table[EpisodeNow](
    Column("state", "state", 11, lambda line, _: line.state),
    Column("worst", "worst", 6, _worst_cell),
    Column("subject", "about", 14, _subject_cell, grow=3, most=44),
    Column("rule", "rule", 15, lambda line, _: (safe_text(line.episode.finding.rule, 60), "quiet"),
           grow=1, most=22, hide_below=70),
    Column("since", "since", 8, lambda line, _: (since_words(line.episode.since, line.now), "quiet"), hide_below=60),
    Column("lasted", "lasted", 7, lambda line, _: (age(line.episode.lasted), ""), "right"),
    Column("measured", "worst value", 14, lambda line, _: (measured(line.episode.finding), ""),
           "right", hide_below=110),
    Column("back", "back", 5, _back_cell, "right", hide_below=72),
)  # fmt: skip


def since_words(since: float, now: float) -> str:
    """Return when an episode began: ``02:10:04`` today, ``11-22`` before."""
    if abs(now - since) <= STILL_TODAY_SECONDS:
        return clock(since)
    return clock(since, dated=True)[5:10]


def measured(finding: Finding) -> str:
    """Return what was measured: ``41 counters``, ``52 %``, ``914 ms``. Empty if nothing was counted."""
    value = finding.measured
    if finding.measured_words:
        return finding.measured_words
    if value is None or isinstance(value, str):
        return safe_text(value or "", 40)
    if finding.unit == "share":
        return percent(value)
    if finding.unit == "ms":
        return latency(value)
    return safe_text(f"{value:,.3f}".rstrip("0").rstrip(".") + f" {finding.unit}".rstrip(), 40)


def until_words(mute: Mute) -> str:
    """Return how long a mute lasts and why: ``muted until 03:15:00 UTC: deploy``."""
    end = "until it clears"
    if mute.until is not None:
        end = f"until {clock(mute.until)} UTC"
    return f"muted {end}: {safe_text(mute.reason, 200)}"


def below(episode: AlertEpisode | None, mute: Mute | None, trouble: str) -> list[tuple[str, str]]:
    """Return the lines below the table: the sentence, the mute, and what is wrong with the book itself."""
    lines: list[tuple[str, str]] = []
    if episode is not None:
        lines.append((safe_text(episode.finding.message, 400), ""))
    if mute is not None:
        lines.append((until_words(mute), "warning"))
    elif episode is not None and episode.blind:
        lines.append(("can no longer be judged: its source does not answer, so it is not called cleared", "warning"))
    if trouble:
        lines.append((safe_text(trouble, 300), "warning"))
    return lines


def counts(rows: Sequence[AlertEpisode], open_now: int, muted: int) -> str:
    """Return how many episodes there are: ``3 active · 12 in all · 1 muted``."""
    parts = [f"{open_now} open", f"{plural(len(rows), 'episode')} in all"]
    if muted:
        parts.append(f"{muted} muted")
    return " · ".join(parts)
