"""Interrupted actions, read from the audit: those confirmed and not closed, whose process is gone.

It refuses to list what still runs, and to offer a resumption that nobody can stand for: after a quarter of an hour, or
on another server, an action is verified and closed, not gone on with.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from optimus_tui.actions.ledger import Running, kept, plan_file, receipt_file, take
from optimus_tui.actions.planning import digest_of
from optimus_tui.actions.preview import words_to_type
from optimus_tui.contract.actions import OUTCOMES, Interrupted, Outcome, Plan, Receipt, Refusal
from optimus_tui.history.audit import FILE
from optimus_tui.history.audit_lines import read
from optimus_tui.wording.age import age

RESUME_SECONDS = 900.0
"""After that, what is left of an action is planned anew."""


def interrupted(folder: Path, wall: float) -> list[Interrupted | Refusal]:
    """The oldest first; a Refusal stands for one whose plan cannot be read any more."""
    opened: dict[str, list[dict[str, Any]]] = {}
    for record in read(folder / FILE):
        action, event = record.get("action"), record.get("event")
        if not isinstance(action, str) or not action.isalnum():
            continue
        if event == "planned":
            opened[action] = [record]
        elif event == "closed":
            opened.pop(action, None)
        elif action in opened:
            opened[action].append(record)
    begun = {action: some for action, some in opened.items() if any(one.get("event") == "confirmed" for one in some)}
    found = (_left(folder, action, records, wall) for action, records in begun.items())
    return [one for one in found if one is not None]


def _left(folder: Path, action: str, records: Sequence[dict[str, Any]], wall: float) -> Interrupted | Refusal | None:
    path = plan_file(folder, action)
    try:
        os.close(take(path))
    except Running:
        return None
    except OSError:
        return Refusal("conflict", f"the plan of the interrupted action {action[:32]} is gone: see the audit")
    plan = kept(path, Plan)
    if plan is None or not digest_of(key.key for key in plan.keys) == plan.digest == records[0].get("digest"):
        return Refusal("conflict", f"the plan of the interrupted action {action[:32]} is damaged: see the audit")
    outcomes, publishing = outcomes_of(plan.count, records)
    unknown, left = outcomes.count("unknown"), outcomes.count("left")
    return Interrupted(
        plan=plan,
        reason=next(str(one.get("reason", "")) for one in records if one.get("event") == "confirmed"),
        outcomes=tuple(outcomes),
        tried=plan.count - left,
        unknown=unknown,
        started_at=plan.made_at,
        publishing=publishing,
        why_not=too_old(plan, wall),
        confirm=words_to_type(plan, left + unknown),
    )


def too_old(plan: Plan, wall: float) -> str | None:
    """Why it may not be gone on with any more; None where it may."""
    old = wall - plan.made_at
    if 0 <= old < RESUME_SECONDS:
        return None
    return f"it is {age(old)} old: too much may have changed" if old > 0 else "it is of a time to come: a clock jumped"


def receipts_of(folder: Path, incident: str) -> list[Receipt]:
    """What was done for an incident, the oldest first: closed actions that carry its number."""
    found = []
    for record in read(folder / FILE):
        action = record.get("action")
        if record.get("event") == "planned" and record.get("incident") == incident and isinstance(action, str):
            found.append(kept(receipt_file(folder, action), Receipt) if action.isalnum() else None)
    return [one for one in found if one is not None]


def outcomes_of(count: int, records: Sequence[dict[str, Any]]) -> tuple[list[Outcome], bool]:
    """What is known of each key, and whether the event may have gone out. An intent without its result is unknown."""
    outcomes: list[Outcome] = ["left"] * count
    publishing = False
    for record in records:
        event, start = record.get("event"), record.get("start")
        if event == "intent" and isinstance(start, int):
            for place in range(start, min(count, start + len(record.get("keys", ())))):
                outcomes[place] = "unknown"
        elif event == "result" and isinstance(start, int):
            for place in range(start, min(count, int(record.get("end", start)))):
                outcomes[place] = "done"
            for outcome, places in record.get("odd", {}).items():
                for place in places:
                    if outcome in OUTCOMES and 0 <= place < count:
                        outcomes[place] = outcome
        elif event == "publishing":
            publishing = True
    return outcomes, publishing
