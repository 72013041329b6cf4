"""The records of actions in the audit: written while an action runs, and read to find interrupted ones.

An action is interrupted if it was confirmed and never closed, and its process has ended.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from optimus_tui.actions.planning import digest_of, words_to_type
from optimus_tui.contract.actions import OUTCOMES, Confirmation, Interrupted, Outcome, Plan, Receipt, Refusal
from optimus_tui.history.audit.chain import ACCEPTED, FILE, read
from optimus_tui.history.audit.end import VERIFY, AuditUnwritable, trouble
from optimus_tui.history.audit.log import Accepted, AuditLog, accept_break, quoted
from optimus_tui.storage.private_file import (
    LockHeld,
    PrivateFile,
    UnreadableFile,
    create,
    names_in,
    read_plain,
    reason,
    user_name,
)
from optimus_tui.wording.numbers import age, clause, plural
from optimus_tui.wording.safe import safe_text

T = TypeVar("T")
RESUME_SECONDS = 900.0
"""Seconds after which an action cannot be resumed: the rest has to be planned again."""


class ActionLog:
    """Writes the records of one action.

    Raises:
        AuditUnwritable: A record cannot be written (from every method).
    """

    def __init__(self, audit: AuditLog, folder: Path, plan: Plan) -> None:
        self._audit, self._plan = audit, plan
        self._open: PrivateFile | None = None
        self._file, self._receipt = plan_file(folder, plan.id), receipt_file(folder, plan.id)

    def open(self, confirmation: Confirmation) -> None:
        """Record that the action is planned, store the plan in a file, then record that it is confirmed."""
        plan, request = self._plan, self._plan.request
        self._audit.append(
            "planned",
            plan.id,
            kind=request.kind,
            tenant=quoted(request.tenant),
            operation=_quoted(request.operation),
            cache_kind=_quoted(request.cache_kind),
            prefix=quoted(request.prefix),
            window_seconds=request.window_seconds,
            max_keys=request.max_keys,
            incident=request.incident,
            included=[quoted(key) for key in sorted(request.include)],
            marked=None if request.only is None else len(request.only),
            count=plan.count,
            digest=plan.digest,
            made_at=plan.made_at,
            server_time=plan.server_time,
            who=who(),
            where=plan.where,
        )
        # The plan is stored after "planned": a plan that the audit does not know then means that records were lost.
        with _as_audit_trouble(self._file):
            self._open = _put(self._file, msgspec.msgpack.encode(plan), locked=True)
        self._audit.append("confirmed", plan.id, typed=confirmation.typed, reason=confirmation.reason)

    def reopen(self, reason: str, outcomes: Sequence[Outcome]) -> None:
        """Open an action whose process ended.

        Raises:
            LockHeld: Its process has not ended.
        """
        self._open = PrivateFile.take(self._file)
        self._audit.append("resumed", self._plan.id, reason=reason, who=who(), so_far=tally(outcomes))

    def intent(self, start: int, keys: Sequence[bytes], place: str | None = None) -> None:
        """Record the keys of the batch that is about to be sent; on a cluster, also the node that it goes to."""
        where = {} if place is None else {"node": place}
        self._audit.append("intent", self._plan.id, start=start, keys=[quoted(key) for key in keys], **where)

    def result(self, start: int, outcomes: Sequence[Outcome]) -> None:
        """Record the outcomes of a batch whose first key is at ``start``, with the places of those not "done"."""
        odd: dict[str, list[int]] = {}
        for place, outcome in enumerate(outcomes, start):
            if outcome != "done":
                odd.setdefault(outcome, []).append(place)
        self._audit.append("result", self._plan.id, start=start, end=start + len(outcomes), odd=odd)

    def note(self, event: str, **fields: object) -> None:
        """Record another event of the action."""
        self._audit.append(event, self._plan.id, **fields)

    def close(self, receipt: Receipt) -> None:
        """Store the receipt in a file, record that the action is closed, and delete the file of its plan."""
        with _as_audit_trouble(self._receipt):
            _put(self._receipt, msgspec.msgpack.encode(receipt)).close()
        self._audit.append(
            "closed",
            self._plan.id,
            counts=receipt.counts,
            stopped=receipt.stopped,
            cancelled=receipt.cancelled,
            there_again=receipt.there_again,
            unknown_gone=receipt.unknown_gone,
            new_since=receipt.new_since,
            seconds=round(receipt.seconds, 3),
        )
        self._file.unlink(missing_ok=True)
        self.leave()

    def leave(self) -> None:
        """Release the plan's file; the action stays open."""
        file, self._open = self._open, None
        if file is not None:
            file.close()


def _quoted(name: bytes | None) -> str | None:
    if name is None:
        return None
    return quoted(name)


def refused(error: AuditUnwritable) -> Refusal:
    """Return the refusal of an action whose audit record cannot be written."""
    return Refusal("audit", error.message, error.remedy or "no action is carried out without an audit")


def plan_file(folder: Path, action: str) -> Path:
    """Return the path of an open action's plan."""
    return folder / "actions" / f"{action}.plan"


def receipt_file(folder: Path, action: str) -> Path:
    """Return the path of a closed action's receipt."""
    return folder / "actions" / f"{action}.receipt"


def kept(path: Path, shape: type[T]) -> T | None:
    """Return the content of a file in the state directory; None if it is missing or damaged."""
    try:
        return msgspec.msgpack.decode(read_plain(path)[0], type=shape)
    except (OSError, msgspec.MsgspecError):
        return None


def tally(outcomes: Sequence[Outcome]) -> dict[str, int]:
    """Return how often each kind of outcome occurs, by its name."""
    counts: dict[str, int] = {}
    for outcome in outcomes:
        counts[outcome] = counts.get(outcome, 0) + 1
    return counts


def who() -> dict[str, str]:
    """Return the user, the SSH connection and the time zone, as far as this machine knows them."""
    ssh = safe_text(os.environ.get("SSH_CONNECTION", ""), 120)
    return {"os_user": user_name(), "ssh": ssh, "zone": time.strftime("%z")}


def _put(path: Path, data: bytes, *, locked: bool = False) -> PrivateFile:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return create(path, data, locked=locked)


@contextlib.contextmanager
def _as_audit_trouble(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise AuditUnwritable(f"{safe_text(str(path))} cannot be written: {reason(error, path.parent)}") from None


Records = dict[str, list[dict[str, Any]]]


class Forgotten(NamedTuple):
    """An action whose plan is stored although the audit has no record that it began. ``words`` describe it."""

    action: str
    path: Path
    words: str


class _AuditState(NamedTuple):
    """The state that the records of the audit describe.

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
            return "some of its records may be lost: a break in the audit was accepted after it began"
        return ""


def interrupted(folder: Path, wall: float, log: AuditLog | None = None) -> list[Interrupted | Refusal]:
    """List interrupted actions, oldest first. A Refusal stands for one whose plan or audit cannot be read.

    Plans that the audit does not know are listed too; a running action never is. An action that is older than a
    quarter of an hour, was made for another server, or may lack records can only be verified and closed, not resumed.

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
    remedy = f"{VERIFY} says what is missing; look at its keys before you plan it again"
    why = clause(seen.problem, ": ")
    lost = [
        Refusal("audit", f"the audit has no record of {one.words}{why}", remedy) for one in _forgotten(folder, seen)
    ]
    return [*(one for one in found if one is not None), *lost, *_unreadable(folder)]


def forgotten(folder: Path) -> list[Forgotten]:
    """List the actions that have a plan, are not running, and are missing in the audit."""
    return _forgotten(folder, _seen(folder))


def without_record(folder: Path) -> list[str]:
    """List the ids of actions that have a plan but no record at all in the audit. Nothing is changed."""
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
    if old > 0:
        return f"it is {age(old)} old: too much may have changed"
    return "it was planned at a time that is still to come: a clock was changed"


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
    """Return what the audit says of each key, and whether the event may have been sent.

    The outcome of a key whose batch was sent and has no recorded result is "unknown".

    Args:
        count: How many keys the plan has.
        records: The action's records, the oldest first.
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
    """Accept a break of the audit, and keep the plans of the actions whose records are lost.

    Their plans are kept under another name, and the audit names them. The plan of a running action is never touched.

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
