"""The words of the action card: a preview, a run, a receipt as lines with their inks. Pure; figures are the plan's."""

from collections.abc import Mapping, Sequence

from optimus_tui.contract.actions import MAX_KEYS, Interrupted, Plan, PlanKey, Preview, Progress, Receipt, Refusal
from optimus_tui.tui.actions.action_dialog_keys import LETTERS
from optimus_tui.tui.widgets.columns import fit_cell, fit_name
from optimus_tui.tui.widgets.figures import wrap
from optimus_tui.tui.widgets.line_view import Piece
from optimus_tui.wording.numbers import latency, plural
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.size import size
from optimus_tui.wording.ttl import ttl

Lines = list[list[Piece]]
MOST_UNCERTAIN = 100
"""Keys of uncertain owner that ``v`` lists; all of them can be chosen from."""
FEW = 4
"""Sample keys before ``v`` shows all of them."""
STAGES = {
    "checking": "looking at the server once more",
    "acting": "at work",
    "publishing": "telling the gateways",
    "verifying": "looking at what became of it",
    "closed": "done",
}
OUTCOME_WORDS = {
    "done": ("good", "did what was planned"),
    "already gone": ("quiet", "gone before we came: somebody or its TTL was faster"),
    "changed": ("warn", "no longer as planned: left alone"),
    "unknown": ("crit", "may be done: no answer on record; not repeated"),
    "left": ("warn", "not tried"),
}


def preview_lines(
    plan: Plan, card: Preview, width: int, age_seconds: float, whole: bool, keys: Mapping[str, str] = LETTERS
) -> Lines:
    """Return what an action would do: which keys, how many, and what will be different.

    Args:
        plan: The plan that is asked about.
        card: The plan in words.
        width: Columns.
        age_seconds: The plan's age.
        whole: List all keys of the samples and of uncertain owners.
        keys: The keys to name, by what they do.
    """
    read = f"{plural(card.count, 'key')}, read {age_seconds:.0f} s ago" if age_seconds >= 1 else (
        f"{plural(card.count, 'key')}, read just now"
    )  # fmt: skip
    lines: Lines = [[(fit_cell(card.subject, max(1, width - len(read))), "bright"), (read, "accent")], []]
    shown = card.samples if whole else card.samples[:FEW]
    lines += [_key_line(key, width) for key in shown]
    if card.count > len(shown):
        more = card.count - len(shown)
        said = f"… {more:,} more"
        if not whole:
            some = "all" if len(card.samples) == card.count else f"{len(card.samples)} of them"
            said += f"  ({keys['whole']} shows {some})"
        lines.append([("  " + said, "quiet")])
    lines.append([])
    lines += facts(_figures(card, plan.request.max_keys), width)
    lines += _uncertain(plan, width, whole, keys)
    lines += _told("After", f"{card.effect} {card.undo}".strip(), width, "bright")
    if card.gentler is not None and card.gentler_words:
        lines += _told("Gentler", f"{card.gentler_words}   {keys['gentler']} takes it", width, "good")
    return lines


def refusal_lines(refusal: Refusal, began: bool, width: int) -> Lines:
    """Return why an action was refused and what helps, in full: the remedy may be a command.

    Args:
        refusal: The refusal.
        began: It was stopped after it had begun.
        width: Columns.
    """
    lines: Lines = [[(line, "warn")] for line in wrap(refusal.message, width)]
    lines += [[(line, "quiet")] for line in wrap(refusal.remedy or "", width) if line]
    end = ("What was done until then is in the audit.", "warn") if began else ("Nothing was changed.", "quiet")
    return [*lines, [], [end]]


def _uncertain(plan: Plan, width: int, whole: bool, keys: Mapping[str, str]) -> Lines:
    """Keys that may be another tenant's: those left out, and those that the operator took in."""
    planned = {key.key for key in plan.keys}
    out = [key for key in plan.ambiguous if key not in planned]
    taken = len(plan.ambiguous) - len(out)
    lines: Lines = []
    if out:
        words = (
            f"{plural(len(out), 'key')} whose owner is not certain   {keys['include']} takes in, {keys['whole']} shows"
        )
        lines += _told("Left out", words, width, "warn")
        shown = out[:MOST_UNCERTAIN] if whole else []
        lines += [[("  ? ", "warn"), (fit_name(safe_text(key, 400), max(12, width - 4)), "")] for key in shown]
        if len(out) > len(shown) > 0:
            lines.append([(f"  … {len(out) - len(shown):,} more", "quiet")])
    if taken:
        words = f"{plural(taken, 'key')} whose owner is not certain, taken in by you   {keys['include']} takes out"
        lines += _told("Taken in", words, width, "crit")
    return lines


def too_small_lines(now: tuple[int, int], least: tuple[int, int]) -> Lines:
    """Return what is said on a terminal that is too small to confirm anything."""
    return [
        [("Too small to confirm anything.", "warn")],
        [(f"It needs {least[0]}×{least[1]}; this is {now[0]}×{now[1]}.", "")],
        [("Nothing is sent.", "quiet")],
    ]


def facts(pairs: Sequence[tuple[str, str, str]], width: int) -> Lines:
    """Return labels and figures, as many in a line as fit."""
    lines: Lines = [[]]
    used = 0
    for label, value, ink in pairs:
        need = len(label) + len(value) + 6
        if used and used + need > width:
            lines.append([])
            used = 0
        lines[-1] += [(label + "  ", "quiet"), (value + "    ", ink)]
        used += need
    return lines


def _figures(card: Preview, most: int) -> list[tuple[str, str, str]]:
    types = ", ".join(f"{count:,} {safe_text(name, 20)}" for name, count in card.types.items())
    return [
        ("Other tenants touched", str(card.foreign), "bright" if card.foreign == 0 else "crit"),
        ("Types", types or "–", ""),
        ("TTL", _ttl_range(card), ""),
        ("Memory", size(card.bytes_estimated, estimate=not card.bytes_exact), ""),
        ("About", latency(card.seconds * 1000), ""),
        *([("Look-alikes of others left alone", f"{card.neighbours:,}", "")] if card.neighbours else []),
        *([("At most", f"{most:,} keys (--max-keys)", "warn")] if most != MAX_KEYS else []),
    ]  # fmt: skip


def _ttl_range(card: Preview) -> str:
    parts = [f"{card.without_ttl:,} without"] if card.without_ttl else []
    if card.ttl_min_ms is not None and card.ttl_max_ms is not None:
        low, high = ttl(card.ttl_min_ms / 1000), ttl(card.ttl_max_ms / 1000)
        parts.append(low if low == high else f"{low} to {high}")
    return ", ".join(parts) or "–"


def _key_line(key: PlanKey, width: int) -> list[Piece]:
    count = "" if key.count is None else f"{key.count:,}"
    seconds = None if key.ttl_ms is None else key.ttl_ms / 1000
    left = "no TTL" if key.immortal else ttl(seconds)
    room = max(12, width - 2 - 10 - 10)
    return [
        ("  ", ""),
        (fit_name(safe_text(key.key, 400), room), "bright"),
        (fit_cell(count, 10, "right"), ""),
        (fit_cell(left, 10, "right"), "warn" if key.immortal else "quiet"),
    ]


def _told(label: str, text: str, width: int, ink: str) -> Lines:
    return [
        [(f"{label if number == 0 else '':<10}", "quiet"), (part, ink)]
        for number, part in enumerate(wrap(text, max(10, width - 10)))
    ]


def left_lines(left: Interrupted, effect: str, width: int) -> Lines:
    """Return how far an interrupted action came, what is known of its keys, and what resuming would do."""
    lines: Lines = [[(f"Interrupted at {left.tried:,} of {plural(left.plan.count, 'key')}", "bright")], []]
    lines += _counts({name: left.outcomes.count(name) for name in set(left.outcomes)}, width)
    lines.append([])
    lines += _told("Was for", safe_text(left.reason, 400), width, "")
    if left.unknown:
        words = f"{plural(left.unknown, 'key')} are looked at first: those that are as they should be are left alone"
        lines += _told("Unknown", words, width, "warn")
    if left.publishing:
        lines += _told("Event", "it may have been sent, so it is not sent again", width, "warn")
    lines += _told("After", effect, width, "bright")
    return lines


def progress_lines(progress: Progress | None, stopping: bool, width: int) -> Lines:
    """Return how far the action is, with the outcomes so far."""
    if progress is None:
        return [[("beginning …", "quiet")]]
    room = max(4, min(40, width - 40))
    filled = room * progress.tried // progress.total if progress.total else room
    lines: Lines = [
        [("▇" * filled, "accent"), ("▁" * (room - filled), "quiet"),
         (f"  {progress.tried:,} of {plural(progress.total, 'key')}   {STAGES[progress.stage]}", "")],
        [],
        *_counts({name: count for name, count in progress.counts.items() if name != "left"}, width),
    ]  # fmt: skip
    if stopping:
        lines += [[], [("stopping after the batch in flight …", "warn")]]
    return lines


def receipt_lines(receipt: Receipt, audit: str, width: int, plan: Plan | None = None, effect: str = "") -> Lines:
    """Return what an action did: outcomes by kind, keys, what was seen afterwards, and its audit record.

    Args:
        receipt: The outcome.
        audit: The words about the audit record.
        width: Columns.
        plan: What was confirmed; None to leave its keys out.
        effect: What it was to bring about; it is said only if all of it was done.
    """
    good = receipt.verified and not receipt.stopped and not receipt.cancelled and not receipt.counts.get("unknown")
    head = "Done and verified" if good else "Done, with remarks"
    if receipt.stopped or receipt.cancelled:
        head = "Ended early"
    if not receipt.verified:
        head = "Not verified: the keys could not be read afterwards"
    lines: Lines = [[(head, "good" if good else "warn"), (f"   {latency(receipt.seconds * 1000)}", "quiet")], []]
    lines += _counts(receipt.counts, width) or [[("no key was touched", "quiet")]]
    lines.append([])
    for number, key in enumerate(plan.keys[:FEW] if plan is not None else ()):
        more = f"   … {plan.count - FEW:,} more" if plan is not None and number == FEW - 1 and plan.count > FEW else ""
        name = fit_name(safe_text(key.key, 400), max(12, width - 10 - len(more))).rstrip()
        lines.append([(f"{'Keys' if number == 0 else '':<10}", "quiet"), (name, "bright"), (more, "quiet")])
    if effect and good and receipt.counts.get("done"):
        lines += _told("Now", effect, width, "")
    if receipt.stopped:
        lines += _told("Stopped", receipt.stopped, width, "warn")
    if receipt.cancelled:
        lines += _told("Cancelled", "by you: what was left is untouched", width, "warn")
    for label, text, ink in _afterwards(receipt):
        lines += _told(label, text, width, ink)
    lines += _told("Audit", audit, width, "")
    lines += _told("Action", receipt.id, width, "quiet")
    return lines


def _afterwards(receipt: Receipt) -> list[tuple[str, str, str]]:
    told: list[tuple[str, str, str]] = []
    unknown = receipt.counts.get("unknown", 0)
    still = unknown - receipt.unknown_gone if receipt.unknown_gone is not None else 0
    anew = (receipt.there_again or 0) - still
    if anew > 0:
        told.append(("Again", f"{plural(anew, 'key')} meet the condition now: written anew meanwhile", "warn"))
    if still:
        words = f"{still:,} of {unknown:,} meet the condition now: never done, or written anew meanwhile"
        told.append(("Unknown", words, "warn"))
    elif receipt.unknown_gone:
        told.append(("Unknown", f"{receipt.unknown_gone:,} of {unknown:,} are as they should be now", ""))
    if receipt.new_since:
        told.append(("New", f"{plural(receipt.new_since, 'key')} came since the plan, untouched", "warn"))
    if receipt.published == "unknown":
        told.append(("Event", "it is unknown whether the gateways heard it; it is not repeated", "warn"))
    elif receipt.published is not None:
        told.append(("Event", f"{plural(receipt.published, 'subscriber')} heard it", ""))
    return told


def _counts(counts: dict[str, int], width: int) -> Lines:
    lines: Lines = []
    for name, (ink, words) in OUTCOME_WORDS.items():
        if counts.get(name):
            lines.append(
                [(f"{counts[name]:>9,}  ", ink), (f"{name:<14}", ink), (fit_cell(words, max(1, width - 25)), "quiet")]
            )
    return lines
