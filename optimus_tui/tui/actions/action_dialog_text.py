"""The lines of the action dialog: preview, progress, receipt, and which of its keys are commands now.

While the dialog waits for words, typing is safe. A letter is a command only while a button has the focus, only if it is
not the next letter of the words, and only if it neither closes the dialog nor changes what was typed. A function key
always is one.
"""

from collections.abc import Mapping, Sequence

from textual.binding import BindingType

from optimus_tui.contract.actions import MAX_KEYS, Interrupted, Plan, PlanKey, Preview, Progress, Receipt, Refusal
from optimus_tui.tui.theme import Piece
from optimus_tui.tui.widgets.cells import fit_cell, fit_name, wrap
from optimus_tui.wording.numbers import age, latency, plural, size, ttl
from optimus_tui.wording.safe import safe_text

LETTERS = {"leave": "q", "whole": "v", "gentler": "g", "include": "i", "replan": "r"}
ALWAYS = {"leave": "esc", "whole": "f2", "gentler": "f3", "include": "f4", "replan": "f5"}
"""The keys by what they do; those of ``ALWAYS`` type nothing."""

BINDINGS: list[BindingType] = [
    ("escape", "leave", "leave"),
    *((letter, f"letter('{action}')", "") for action, letter in LETTERS.items()),
    *((key, action, "") for action, key in ALWAYS.items() if action != "leave"),
    ("up", "roll(-1)", ""),
    ("down", "roll(1)", ""),
    ("pageup", "roll(-8)", ""),
    ("pagedown,ctrl+f", "roll(8)", ""),
]


def is_command(action: str, words: str, typed: str, reason: str) -> bool:
    """Return True if the letter of an action's key is a command now, and not the beginning of typed text.

    Args:
        action: The action of the key.
        words: The words that have to be typed.
        typed: What was typed of them.
        reason: The reason that was typed.
    """
    if words.startswith(typed + LETTERS[action]):
        return False
    return action == "whole" or not (typed or reason)


Lines = list[list[Piece]]
MAX_UNCERTAIN = 100
"""Keys of uncertain owner that ``v`` lists; all of them can be chosen from."""
MOST_NODES = 6
"""Nodes of a cluster that are named with their keys."""
FEW = 4
"""Sample keys before ``v`` shows all of them."""
STAGES = {
    "checking": "checking the server once more",
    "acting": "writing",
    "publishing": "publishing the event",
    "verifying": "reading the keys again",
    "closed": "done",
}
OUTCOME_WORDS = {
    "done": ("good", "did what was planned"),
    "already gone": ("quiet", "gone before: deleted by another client, or expired"),
    "changed": ("warn", "changed since the plan: not touched"),
    "unknown": ("crit", "no answer from Redis: may be done; not sent again"),
    "not executed": ("warn", "another node serves it now: nothing was done"),
    "left": ("warn", "not tried"),
}


def preview_lines(
    plan: Plan, preview: Preview, width: int, age_seconds: float, whole: bool, keys: Mapping[str, str] = LETTERS
) -> Lines:
    """Return the lines about what an action would do: which keys, how many, and what will change.

    Args:
        plan: The plan that is asked about.
        preview: The plan in words.
        width: Columns.
        age_seconds: The plan's age.
        whole: Whether to list all sampled keys and all keys of uncertain owner.
        keys: The names of the dialog's keys, by what they do.
    """
    read = f"{plural(preview.count, 'key')}, read just now"
    if age_seconds >= 1:
        read = f"{plural(preview.count, 'key')}, read {age(age_seconds)} ago"
    lines: Lines = [[(fit_cell(preview.subject, max(1, width - len(read))), "bright"), (read, "accent")], []]
    shown = preview.samples
    if not whole:
        shown = shown[:FEW]
    lines += [_key_line(key, width) for key in shown]
    if preview.count > len(shown):
        more = f"  … {preview.count - len(shown):,} more"
        if not whole and len(preview.samples) == preview.count:
            more += f"  ({keys['whole']} shows all)"
        elif not whole:
            more += f"  ({keys['whole']} shows {len(preview.samples)} of them)"
        lines.append([(more, "quiet")])
    lines.append([])
    lines += facts(_figures(preview, plan.request.max_keys), width)
    if preview.nodes:
        lines += labelled("Nodes", _nodes(preview), width, "")
    lines += _uncertain(plan, width, whole, keys)
    lines += labelled("After", f"{preview.effect} {preview.undo}".strip(), width, "bright")
    if preview.gentler is not None and preview.gentler_words:
        lines += labelled("Gentler", f"{preview.gentler_words}   {keys['gentler']} does this instead", width, "good")
    return lines


def refusal_lines(refusal: Refusal, began: bool, width: int) -> Lines:
    """Return why an action was refused and what helps, in full: the remedy may be a command.

    Args:
        refusal: The refusal.
        began: Whether the action had begun before it was stopped.
        width: Columns.
    """
    lines: Lines = [[(line, "warn")] for line in wrap(refusal.message, width)]
    lines += [[(line, "quiet")] for line in wrap(refusal.remedy or "", width) if line]
    if began:
        return [*lines, [], [("The audit says what was done until then.", "warn")]]
    return [*lines, [], [("Nothing was changed.", "quiet")]]


def _uncertain(plan: Plan, width: int, whole: bool, keys: Mapping[str, str]) -> Lines:
    """Return what is said of keys that may be another tenant's: those left out, and those that were taken in."""
    planned = {key.key for key in plan.keys}
    out = [key for key in plan.ambiguous if key not in planned]
    taken = len(plan.ambiguous) - len(out)
    lines: Lines = []
    if out:
        words = f"{plural(len(out), 'key')} whose owner is not certain"
        words += f"   {keys['include']} includes them, {keys['whole']} lists them"
        lines += labelled("Left out", words, width, "warn")
        shown = out[: MAX_UNCERTAIN * whole]
        lines += [[("  ? ", "warn"), (fit_name(safe_text(key, 400), max(12, width - 4)), "")] for key in shown]
        if len(out) > len(shown) > 0:
            lines.append([(f"  … {len(out) - len(shown):,} more", "quiet")])
    if taken:
        words = (
            f"{plural(taken, 'key')} whose owner is not certain, included by you   {keys['include']} leaves them out"
        )
        lines += labelled("Included", words, width, "crit")
    return lines


def too_small_lines(now: tuple[int, int], minimum: tuple[int, int]) -> Lines:
    """Return the lines for a terminal that is too small to confirm anything."""
    return [
        [("The terminal is too small to confirm anything.", "warn")],
        [(f"It needs {minimum[0]}×{minimum[1]}; this is {now[0]}×{now[1]}.", "")],
        [("Nothing is sent.", "quiet")],
    ]


def facts(pairs: Sequence[tuple[str, str, str]], width: int) -> Lines:
    """Return labels and figures in lines, as many per line as fit."""
    lines: Lines = [[]]
    used = 0
    for label, value, style in pairs:
        need = len(label) + len(value) + 6
        if used and used + need > width:
            lines.append([])
            used = 0
        lines[-1] += [(label + "  ", "quiet"), (value + "    ", style)]
        used += need
    return lines


def _figures(preview: Preview, max_keys: int) -> list[tuple[str, str, str]]:
    types = ", ".join(f"{count:,} {safe_text(name, 20)}" for name, count in preview.types.items())
    figures = [
        ("Other tenants touched", str(preview.foreign), {0: "bright"}.get(preview.foreign, "crit")),
        ("Types", types or "–", ""),
        ("TTL", _ttl_range(preview), ""),
        ("Memory", size(preview.bytes_estimated, estimate=not preview.bytes_exact), ""),
        ("Takes about", latency(preview.seconds * 1000), ""),
    ]
    if preview.neighbours:
        figures.append(("Similar keys of other tenants, left alone", f"{preview.neighbours:,}", ""))
    if max_keys != MAX_KEYS:
        figures.append(("At most", f"{max_keys:,} keys (--max-keys)", "warn"))
    return figures


def _nodes(preview: Preview) -> str:
    """Return how many keys are on which node of a cluster, those with the most first."""
    ranked = sorted(preview.nodes, key=lambda pair: -pair[1])
    words = ", ".join(f"{count:,} on {place}" for place, count in ranked[:MOST_NODES])
    if len(ranked) > MOST_NODES:
        words += f", the rest on {len(ranked) - MOST_NODES} more"
    return words


def _ttl_range(preview: Preview) -> str:
    parts = []
    if preview.without_ttl:
        parts.append(f"{preview.without_ttl:,} without")
    if preview.ttl_min_ms is not None and preview.ttl_max_ms is not None:
        low, high = ttl(preview.ttl_min_ms / 1000), ttl(preview.ttl_max_ms / 1000)
        parts.append(" to ".join(dict.fromkeys((low, high))))
    return ", ".join(parts) or "–"


def _key_line(key: PlanKey, width: int) -> list[Piece]:
    count, left, style = "", ttl(None), "quiet"
    if key.count is not None:
        count = f"{key.count:,}"
    if key.immortal:
        left, style = "no TTL", "warn"
    elif key.ttl_ms is not None:
        left = ttl(key.ttl_ms / 1000)
    room = max(12, width - 2 - 10 - 10)
    return [
        ("  ", ""),
        (fit_name(safe_text(key.key, 400), room), "bright"),
        (fit_cell(count, 10, "right"), ""),
        (fit_cell(left, 10, "right"), style),
    ]


def labelled(label: str, text: str, width: int, style: str) -> Lines:
    """Return a text in lines, with its label before the first one."""
    first, *rest = wrap(text, max(10, width - 10))
    lines: Lines = [[(f"{label:<10}", "quiet"), (first, style)]]
    return lines + [[(" " * 10, ""), (part, style)] for part in rest]


def left_lines(left: Interrupted, effect: str, width: int) -> Lines:
    """Return the lines about how far an interrupted action came, what is known of its keys, and what resuming does."""
    lines: Lines = [[(f"Interrupted at {left.tried:,} of {plural(left.plan.count, 'key')}", "bright")], []]
    lines += _counts({name: left.outcomes.count(name) for name in set(left.outcomes)}, width)
    lines.append([])
    lines += labelled("Reason", safe_text(left.reason, 400), width, "")
    if left.unknown:
        keys = plural(left.unknown, "key")
        words = f"{keys} may be done already: each is read first, and written only if it still matches the plan"
        lines += labelled("Unknown", words, width, "warn")
    if left.publishing:
        lines += labelled("Event", "it may have been sent, so it is not sent again", width, "warn")
    lines += labelled("After", effect, width, "bright")
    return lines


def progress_lines(progress: Progress | None, stopping: bool, width: int) -> Lines:
    """Return the lines about the progress of the action, with the outcomes so far."""
    if progress is None:
        return [[("starting …", "quiet")]]
    room = max(4, min(40, width - 40))
    filled = room
    if progress.total:
        filled = room * progress.tried // progress.total
    lines: Lines = [
        [("▇" * filled, "accent"), ("▁" * (room - filled), "quiet"),
         (f"  {progress.tried:,} of {plural(progress.total, 'key')}   {STAGES[progress.stage]}", "")],
        [],
        *_counts({name: count for name, count in progress.counts.items() if name != "left"}, width),
    ]  # fmt: skip
    if stopping:
        lines += [[], [("stopping after the batch that is being written …", "warn")]]
    return lines


def receipt_lines(
    receipt: Receipt, audit: str, width: int, plan: Plan | None = None, preview: Preview | None = None
) -> Lines:
    """Return the lines about what an action did: outcomes, keys, the check afterwards, and its audit record.

    Args:
        receipt: The outcome.
        audit: The words about the audit record.
        width: Columns.
        plan: What was confirmed; None to leave its keys out.
        preview: The plan in words; its effect is shown only if all of it was done.
    """
    good = receipt.verified and not receipt.stopped and not receipt.cancelled and not receipt.counts.get("unknown")
    head, style = "Done, with remarks", "warn"
    if good:
        head, style = "Done: the keys are as planned", "good"
    if receipt.stopped or receipt.cancelled:
        head = "Ended early"
    if not receipt.verified:
        head = "Not verified: the keys could not be read afterwards"
    lines: Lines = [[(head, style), (f"   {latency(receipt.seconds * 1000)}", "quiet")], []]
    lines += _counts(receipt.counts, width) or [[("no key was touched", "quiet")]]
    lines.append([])
    if plan is not None:
        lines += _first_keys(plan, width)
    if preview is not None and preview.effect and good and receipt.counts.get("done"):
        lines += labelled("Now", preview.effect, width, "")
    if receipt.stopped:
        lines += labelled("Stopped", receipt.stopped, width, "warn")
    if receipt.cancelled:
        lines += labelled("Cancelled", "by you: the remaining keys were not touched", width, "warn")
    for label, text, style in _afterwards(receipt):
        lines += labelled(label, text, width, style)
    return lines + labelled("Recorded", f"{audit}, as action {receipt.id}", width, "quiet")


def _first_keys(plan: Plan, width: int) -> Lines:
    lines: Lines = []
    label, left = "Keys", plan.count
    for key in plan.keys[:FEW]:
        more, left = "", left - 1
        if len(lines) == FEW - 1 and left:
            more = f"   … {left:,} more"
        name = fit_name(safe_text(key.key, 400), max(12, width - 10 - len(more))).rstrip()
        lines.append([(f"{label:<10}", "quiet"), (name, "bright"), (more, "quiet")])
        label = ""
    return lines


def _afterwards(receipt: Receipt) -> list[tuple[str, str, str]]:
    remarks: list[tuple[str, str, str]] = []
    unknown, still = receipt.counts.get("unknown", 0), 0
    if receipt.unknown_gone is not None:
        still = unknown - receipt.unknown_gone
    again = (receipt.there_again or 0) - still
    if again > 0:
        remarks.append(("Again", f"{plural(again, 'key')} match the plan again: another client wrote them", "warn"))
    if still:
        words = f"{still:,} of {unknown:,} still match the plan: not changed, or written again"
        remarks.append(("Unknown", words, "warn"))
    elif receipt.unknown_gone:
        remarks.append(
            ("Unknown", f"{receipt.unknown_gone:,} of {unknown:,} no longer match the plan: changed, or gone", "")
        )
    if receipt.new_since:
        remarks.append(
            ("New", f"{plural(receipt.new_since, 'key')} appeared after the plan was made; not touched", "warn")
        )
    if receipt.published == "unknown":
        remarks.append(("Event", "it may have been published; it is not sent again", "warn"))
    elif receipt.published == "sent":
        remarks.append(
            ("Event", "published on one node, which tells the others; a cluster does not count who heard", "")
        )
    elif receipt.published is not None:
        remarks.append(("Event", f"published to {plural(receipt.published, 'subscriber')}", ""))
    return remarks


def _counts(counts: dict[str, int], width: int) -> Lines:
    lines: Lines = []
    for name, (style, words) in OUTCOME_WORDS.items():
        if counts.get(name):
            lines.append(
                [
                    (f"{counts[name]:>9,}  ", style),
                    (f"{name:<14}", style),
                    (fit_cell(words, max(1, width - 25)), "quiet"),
                ]
            )
    return lines
