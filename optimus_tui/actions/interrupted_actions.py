"""Interrupted actions, read from the audit: confirmed, not closed, and their process is gone.

Plans that the audit does not know are listed too. A running action is never listed. An action that is older than a
quarter of an hour, was made for another server, or may lack records can only be verified and closed, not resumed.

Accept a break of the audit, and keep the plans of the actions whose records are lost.

Their plans are kept under another name, and the audit names them. The plan of a running action is never touched.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from optimus_tui.actions.action_log import kept, plan_file, receipt_file, who
from optimus_tui.actions.planning import digest_of, words_to_type
from optimus_tui.contract.actions import OUTCOMES, Interrupted, Outcome, Plan, Receipt, Refusal
from optimus_tui.history.audit.chain import ACCEPTED, FILE, read
from optimus_tui.history.audit.end import VERIFY, trouble
from optimus_tui.history.audit.log import Accepted, AuditLog, accept_break
from optimus_tui.storage.private_file import LockHeld, PrivateFile, UnreadableFile, names_in
from optimus_tui.wording.numbers import age, clause, plural
from optimus_tui.wording.safe import safe_text

RESUME_SECONDS = 900.0
"""Seconds after which an action cannot be resumed: the rest has to be planned again."""
Records = dict[str, list[dict[str, Any]]]


class Forgotten(NamedTuple):
    """An action with a plan that the audit does not know, or does not know to have begun. ``words`` describe it."""

    action: str
    path: Path
    words: str


class _AuditState(NamedTuple):
    """What the audit holds.

    Attributes:
        opened: Open actions with their records.
        closed: Closed actions.
        broken_at: Number of the record that last accepted a break.
        problem: What is wrong with the audit itself; empty if nothing is.
    """

    opened: Records
    closed: frozenset[str]
    broken_at: int
    problem: str

    def may_lack(self, records: Sequence[dict[str, Any]]) -> str:
        """Return why records after these may be missing; empty if none can be."""
        if self.problem:
            return self.problem
        began = records[0].get("seq")
        if isinstance(began, int) and began < self.broken_at:
            return "records of it may be lost: a break of the audit was accepted since"
        return ""


def interrupted(folder: Path, wall: float, log: AuditLog | None = None) -> list[Interrupted | Refusal]:
    """List interrupted actions, oldest first. A Refusal stands for one whose plan or audit cannot be read.

    Args:
        folder: The state directory.
        wall: The time now, in seconds.
        log: The writer of this process, which may know of more records than an older copy of the audit holds.
    """
    seen = _seen(folder, log)
    found = [
        _left(folder, action, records, wall, seen.may_lack(records))
        for action, records in seen.opened.items()
        if _confirmed(records)
    ]
    remedy = f"{VERIFY} says what is missing; look at its keys before you plan again"
    why = clause(seen.problem, ": ")
    lost = [
        Refusal("audit", f"the audit has no record of {one.words}{why}", remedy) for one in _forgotten(folder, seen)
    ]
    return [*(one for one in found if one is not None), *lost, *_unreadable(folder)]


def forgotten(folder: Path) -> list[Forgotten]:
    """List the actions that have a plan, are not running, and are missing in the audit."""
    return _forgotten(folder, _seen(folder))


def without_record(folder: Path) -> list[str]:
    """List the ids of actions that have a plan but no record at all in the audit. Reads only."""
    seen = _seen(folder)
    plans = _not_running(folder, lambda action: action not in seen.opened and action not in seen.closed)
    return [path.stem for path, error in plans if error is None]


def _seen(folder: Path, log: AuditLog | None = None) -> _AuditState:
    opened: Records = {}
    closed: set[str] = set()
    broken_at, problem = 0, trouble(folder / FILE)
    try:
        if not problem and log is not None:
            problem = log.behind()
        for record in read(folder / FILE):
            action, event = record.get("action"), record.get("event")
            if event == ACCEPTED and isinstance(record.get("seq"), int):
                broken_at = record["seq"]
            if not isinstance(action, str) or not action.isalnum():
                continue
            if event == "planned":
                opened[action] = [record]
            elif event == "closed":
                opened.pop(action, None)
                closed.add(action)
            elif action in opened:
                opened[action].append(record)
    except OSError as error:
        problem = str(error.strerror)
    return _AuditState(opened, frozenset(closed), broken_at, problem)


def _confirmed(records: Sequence[dict[str, Any]]) -> bool:
    return any(one.get("event") == "confirmed" for one in records)


def _forgotten(folder: Path, seen: _AuditState) -> list[Forgotten]:
    def is_lost(action: str) -> bool:
        records = seen.opened.get(action, [])
        if action in seen.closed or _confirmed(records):
            return False
        # With records but no confirmation it was killed before it began: nothing was done.
        return not records or bool(seen.may_lack(records))

    found = []
    for path, error in _not_running(folder, is_lost):
        action = path.stem
        about = f"action {action[:8]} ({safe_text(str(error), 300)})" if error else _about(action, kept(path, Plan))
        found.append(Forgotten(action, path, about))
    return found


def _not_running(folder: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[Path, OSError | None]]:
    """Yield the plans of the wanted actions that no process runs, each with why it cannot be read."""
    try:
        plans = [folder / "actions" / name for name in names_in(folder / "actions") if name.endswith(".plan")]
    except UnreadableFile:  # ``_unreadable`` reports this.
        plans = []
    for path in plans:
        if not path.stem.isalnum() or not wanted(path.stem):
            continue
        try:
            PrivateFile.take(path).close()
        except (LockHeld, FileNotFoundError):
            continue
        except OSError as error:
            yield path, error
        else:
            yield path, None


def _unreadable(folder: Path) -> list[Refusal]:
    try:
        names_in(folder / "actions")
    except UnreadableFile as error:
        return [Refusal("conflict", f"it is unknown whether an action was interrupted: {error}")]
    return []


def _about(action: str, plan: Plan | None) -> str:
    if plan is None:
        return f"action {action[:8]}, whose plan is damaged"
    made = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(max(0.0, min(plan.made_at, 4e9))))
    what, tenant = plan.request.kind.replace("_", " "), safe_text(plan.request.tenant, 60)
    return f"action {action[:8]} ({what} of {tenant}, {plural(plan.count, 'key')}, planned at {made} UTC)"


def _left(
    folder: Path, action: str, records: Sequence[dict[str, Any]], wall: float, lacking: str
) -> Interrupted | Refusal | None:
    path = plan_file(folder, action)
    try:
        PrivateFile.take(path).close()
    except LockHeld:
        return None
    except FileNotFoundError:
        return Refusal("conflict", f"the plan of the interrupted action {action[:32]} is gone: see the audit")
    except OSError as error:
        return Refusal("conflict", f"the plan of an interrupted action cannot be used: {safe_text(str(error), 400)}")
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
        why_not=lacking or too_old(plan, wall),
        confirm=words_to_type(plan, left + unknown),
    )


def too_old(plan: Plan, wall: float) -> str | None:
    """Return why the action may no longer be resumed; None if it may."""
    old = wall - plan.made_at
    if 0 <= old < RESUME_SECONDS:
        return None
    return (
        f"it is {age(old)} old: too much may have changed"
        if old > 0
        else "its time is in the future: a clock was changed"
    )


def receipts_of(folder: Path, incident: str) -> list[Receipt]:
    """Return the receipts of an incident's closed actions, oldest first."""
    found = []
    with contextlib.suppress(OSError):  # ``interrupted`` reports what is wrong with the audit.
        for record in read(folder / FILE):
            action = record.get("action")
            if record.get("event") == "planned" and record.get("incident") == incident and isinstance(action, str):
                found.append(kept(receipt_file(folder, action), Receipt) if action.isalnum() else None)
    return [one for one in found if one is not None]


def outcomes_of(count: int, records: Sequence[dict[str, Any]]) -> tuple[list[Outcome], bool]:
    """Return what is known of each key, and whether the event may have been sent.

    An intent without a result means "unknown".
    """
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


def accept(folder: Path, reason: str) -> tuple[Accepted, list[str]]:
    """Accept the break.

    Returns:
        What was accepted, and a sentence for each action that is lost.

    Raises:
        AuditUnwritable: The audit cannot be written.
    """
    lost: list[Forgotten] = forgotten(folder)
    accepted = accept_break(folder, who(), reason, actions=tuple(one.action for one in lost))
    sentences = []
    for one in lost:
        kept = one.path.with_suffix(".plan-lost")
        one.path.rename(kept)
        sentences.append(
            f"{one.words}: what it did is not known. Look at its keys and plan again; its plan is kept as {kept}"
        )
    return accepted, sentences
