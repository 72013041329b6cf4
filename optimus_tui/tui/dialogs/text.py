"""Dialogs of words: help for what has the focus, and the explanation of findings."""

import time
from collections.abc import Callable, Iterable
from typing import ClassVar

from rich.cells import cell_len
from textual.binding import ActiveBinding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from optimus_tui.contract.findings import Finding
from optimus_tui.tools.pages.format_value import measured
from optimus_tui.tui.dialogs.base import Dialog
from optimus_tui.tui.keys import KEYS, written
from optimus_tui.tui.widgets.figures import wrap
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.truth import SEVERITY_MARKS


class Wrapped(Static):
    """Words that are made for the width there is: wrapped lines keep their indent."""

    def __init__(self, make: Callable[[int], Content]) -> None:
        super().__init__(make(96))
        self._make, self._made_for = make, 96

    def on_resize(self) -> None:
        """Make the content for the new width."""
        width = self.content_size.width
        if width != self._made_for and width > 0:
            self._made_for = width
            self.update(self._make(width))


class TextDialog(Dialog):
    """Prepared content that scrolls; content made for a width is made again for every other width."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("up,k", "scroll(-1)", ""),
        ("down,j", "scroll(1)", ""),
        ("question_mark,f1,e", "dismiss(None)", ""),
    ]

    def __init__(
        self, title: str, content: Content | Callable[[int], Content], keys: str = "esc closes   ↑↓ scroll"
    ) -> None:
        super().__init__()
        self.dialog_title, self.content, self.dialog_keys = title, content, keys

    def body(self) -> list[Widget]:
        """Return the content in a scroll view."""
        if callable(self.content):
            return [VerticalScroll(Wrapped(self.content), id="body")]
        return [VerticalScroll(Static(self.content), id="body")]

    def action_scroll(self, lines: int) -> None:
        """Scroll by a number of lines."""
        self.query_one("#body").scroll_relative(y=lines, animate=False)


def help_dialog(pane_title: str, about: str, active: Iterable[ActiveBinding]) -> TextDialog:
    """Return the help, made from the bindings that work right here, remapped keys included.

    Args:
        pane_title: What the help is about.
        about: A sentence above the keys; empty for none.
        active: The bindings.
    """
    live: dict[str, list[str]] = {}
    for entry in active:
        if entry.binding.id and entry.enabled:
            live.setdefault(entry.binding.id, []).append(entry.binding.key)

    def words(width: int) -> Content:
        lines: list[Content] = []
        if about:
            lines += [*(Content(part) for part in wrap(about.replace("`", ""), max(8, width))), Content("")]
        for everywhere, heading in ((False, "Here"), (True, "Everywhere")):
            rows = [k for k in KEYS if (k.scope == "app") is everywhere and k.id in live]
            if rows:
                lines.append(Content.styled(heading, "bold"))
                for k in rows:
                    keys = f"{written(','.join(_in_order(live[k.id], k.keys))):<14}"
                    lines += _hanging("  [$primary]$label[/] $text", keys, 3, k.help, width)
                lines.append(Content(""))
        return Content("\n").join(lines[:-1])

    return TextDialog(f"Help · {pane_title}", words)


def _in_order(pressed: list[str], table: str) -> list[str]:
    """Keys in the order of the table, as docs/keys.md has them; those that the user chose come after."""
    known = table.split(",")
    return sorted(pressed, key=lambda key: known.index(key) if key in known else len(known))


def explain_dialog(subject: str, findings: list[Finding]) -> TextDialog:
    """Return a dialog with rule, measured value, threshold, samples and window of each finding."""
    if not findings:
        return TextDialog(f"Explain · {subject}", Content(f"Nothing is found wrong with {subject}."))

    def words(width: int) -> Content:
        parts: list[Content] = []
        for finding in findings:
            mark = SEVERITY_MARKS[finding.severity].text
            parts += _hanging("[bold]$label[/]  $text", mark, 2, safe_text(finding.message, 400), width)
            for name, value in _facts(finding):
                if value:
                    parts += _hanging("  [$quiet]$label[/] $text", f"{name:<10}", 3, value, width)
            parts.append(Content(""))
        return Content("\n").join(parts[:-1])

    return TextDialog(f"Explain · {subject}", words)


def _hanging(markup: str, label: str, blanks: int, text: str, width: int) -> list[Content]:
    """A label with its text beside it, also where the text takes several lines."""
    indent = cell_len(label) + blanks
    first, *rest = wrap(text, max(8, width - indent))
    return [Content.from_markup(markup, label=label, text=first), *(Content(" " * indent + part) for part in rest)]


def _facts(finding: Finding) -> list[tuple[str, str]]:
    def figure(value: float | str | None) -> str:
        if value is None:
            return ""
        return measured(value, finding.unit)

    since = samples = ""
    if finding.since:
        since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(finding.since))
    if finding.samples is not None:
        samples = f"{finding.samples:,}"
        if finding.window_seconds:
            samples += f" in {finding.window_seconds:,.0f} s"
    return [
        ("rule", finding.rule),
        ("about", safe_text(finding.subject)),
        ("measured", finding.measured_words or figure(finding.measured)),
        ("threshold", figure(finding.threshold)),
        ("samples", samples),
        ("since", since),
        ("impact", safe_text(finding.impact, 400)),
        ("remedy", safe_text(finding.remedy, 400)),
    ]
