"""Dialogs of words: help for what has the focus, and the explanation of findings."""

import time
from collections.abc import Iterable
from typing import ClassVar

from textual.binding import ActiveBinding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from optimus_tui.contract.findings import Finding
from optimus_tui.tui.keys import KEYS, written
from optimus_tui.tui.modals.base import Dialog
from optimus_tui.wording.glyphs import SEVERITY_MARKS
from optimus_tui.wording.safe import safe_text


class TextDialog(Dialog):
    """A card with prepared content that scrolls."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("up,k", "scroll(-1)", ""),
        ("down,j", "scroll(1)", ""),
        ("question_mark,f1,e", "dismiss(None)", ""),
    ]

    def __init__(self, title: str, content: Content, keys: str = "esc closes   ↑↓ scroll") -> None:
        super().__init__()
        self.card_title, self.content, self.card_keys = title, content, keys

    def body(self) -> list[Widget]:
        return [VerticalScroll(Static(self.content), id="body")]

    def action_scroll(self, lines: int) -> None:
        self.query_one("#body").scroll_relative(y=lines, animate=False)


def help_dialog(pane_title: str, about: str, active: Iterable[ActiveBinding]) -> TextDialog:
    """Help made from the bindings that work right here, remapped keys included."""
    live: dict[str, list[str]] = {}
    for entry in active:
        if entry.binding.id and entry.enabled:
            live.setdefault(entry.binding.id, []).append(entry.binding.key)
    lines: list[Content] = []
    if about:
        lines += [Content(about), Content("")]
    for scopes, heading in (
        (("health", "limits", "cache", "feed", "tools", "router", "pane"), "This pane"),
        (("app",), "Everywhere"),
    ):
        rows = [k for k in KEYS if k.scope in scopes and k.id in live]
        if rows:
            lines.append(Content.styled(heading, "bold"))
            lines += [
                Content.from_markup(
                    "  [$primary]$key[/] $help", key=f"{written(','.join(live[k.id])):<14}", help=k.help
                )
                for k in rows
            ]
            lines.append(Content(""))
    return TextDialog(f"Help · {pane_title}", Content("\n").join(lines[:-1]))


def explain_dialog(subject: str, findings: list[Finding]) -> TextDialog:
    """Rule, measured value, threshold, samples and window behind each finding."""
    if not findings:
        return TextDialog(f"Explain · {subject}", Content(f"Nothing is found wrong with {subject}."))
    parts: list[Content] = []
    for finding in findings:
        parts.append(
            Content.from_markup(
                "[bold]$word[/]  $message",
                word=SEVERITY_MARKS[finding.severity].text,
                message=safe_text(finding.message, 400),
            )
        )
        parts += [
            Content.from_markup("  [$quiet]$name[/] $value", name=f"{name:<10}", value=value)
            for name, value in _facts(finding)
            if value
        ]
        parts.append(Content(""))
    return TextDialog(f"Explain · {subject}", Content("\n").join(parts[:-1]))


def _facts(finding: Finding) -> list[tuple[str, str]]:
    def figure(value: float | str | None) -> str:
        if value is None:
            return ""
        text = value if isinstance(value, str) else f"{value:,.3f}".rstrip("0").rstrip(".")
        return safe_text(f"{text} {finding.unit}".strip())

    since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(finding.since)) if finding.since else ""
    window = f" in {finding.window_seconds:,.0f} s" if finding.window_seconds else ""
    return [
        ("rule", finding.rule),
        ("about", safe_text(finding.subject)),
        ("measured", figure(finding.measured)),
        ("threshold", figure(finding.threshold)),
        ("samples", f"{finding.samples:,}{window}" if finding.samples is not None else ""),
        ("since", since),
        ("impact", safe_text(finding.impact, 400)),
        ("remedy", safe_text(finding.remedy, 400)),
    ]
