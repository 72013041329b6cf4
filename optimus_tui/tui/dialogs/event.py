"""The dialog of one event: sender, meaning, time and the whole payload; and the one of a gap in the feed."""

from optimus_tui.contract.feed import FeedEvent, FeedGap, ParsedEvent
from optimus_tui.tui.dialogs.bodies import body_facts
from optimus_tui.tui.dialogs.sheet import Fact, SheetDialog
from optimus_tui.tui.widgets.names import mark_of
from optimus_tui.wording.age import age, clock
from optimus_tui.wording.safe import safe_text

CLAIM_SECONDS = 5.0
"""A claimed time this far from our own clock is worth a remark."""


def event_dialog(event: FeedEvent, meaning: ParsedEvent) -> SheetDialog:
    """Return the dialog for one event."""
    facts: list[Fact] = [
        ("received", f"{clock(event.received_at, dated=True)} UTC, {_origin(event)}", ""),
        ("claims", claim_words(meaning.claimed_at, event.received_at), ""),
        ("channel", safe_text(event.channel, 600), ""),
        *_meaning_facts(meaning),
        ("payload", _size(event), ""),
        ("", "", ""),
        *body_facts(event.payload),
    ]
    return SheetDialog("Coherence event", [fact for fact in facts if fact[1] or not fact[0]])


def gap_dialog(gap: FeedGap) -> SheetDialog:
    """Return the dialog for a gap in the feed."""
    filled = "the event log was not read"
    if gap.filled is not None:
        filled = f"{gap.filled:,} came back from the event log"
    return SheetDialog(
        "Gap in the feed",
        [
            ("ended", f"{clock(gap.received_at, dated=True)} UTC", ""),
            ("lasted", age(gap.seconds), "warn"),
            ("because", safe_text(gap.reason, 600) or "the reason is unknown", ""),
            ("filled", filled, ""),
            ("", "", ""),
            (
                "",
                "What was published while the link was down did not arrive here. The log holds what was written to it",
                "",
            ),
            ("", "in that time; events that were only published are lost.", ""),
        ],
    )


def claim_words(claimed: float | None, received: float) -> str:
    """Return the time that the sender claims."""
    if claimed is None:
        return ""
    words = f"{clock(claimed, dated=True)} UTC"
    apart = claimed - received
    if abs(apart) < CLAIM_SECONDS:
        return words
    if apart > 0:
        return f"{words}, {age(apart)} after it came"
    return f"{words}, {age(-apart)} before it came"


def _origin(event: FeedEvent) -> str:
    if event.origin == "live":
        return "live"
    return "read back from the event log after a gap"


def _meaning_facts(meaning: ParsedEvent) -> list[Fact]:
    if meaning.problem:
        return [("unparsed", meaning.problem, "warn")]
    raw = meaning.tenant.encode("utf-8", "surrogatepass")
    facts: list[Fact] = [("tenant", safe_text(meaning.tenant), "bright"), ("type", safe_text(meaning.type), "")]
    if mark_of(raw)[0]:
        facts.insert(1, ("its bytes", raw[:128].hex(" "), "warn"))
    return facts


def _size(event: FeedEvent) -> str:
    if event.length > len(event.payload):
        return f"{event.length:,} bytes, the first {len(event.payload):,} kept"
    return f"{event.length:,} bytes"
