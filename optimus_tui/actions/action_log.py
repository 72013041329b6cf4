"""The records of one action in the audit, and the acceptance of a break between them."""

import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from optimus_tui.contract.actions import Confirmation, Outcome, Plan, Receipt, Refusal
from optimus_tui.history.audit.end import AuditUnwritable
from optimus_tui.history.audit.log import AuditLog, quoted
from optimus_tui.storage.private_file import PrivateFile, create, read_plain, reason, user_name
from optimus_tui.wording.safe import safe_text

T = TypeVar("T")


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
        """Record "planned", store the plan, then record "confirmed"."""
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

    def intent(self, start: int, keys: Sequence[bytes]) -> None:
        """Record the keys of the batch that is about to be sent."""
        self._audit.append("intent", self._plan.id, start=start, keys=[quoted(key) for key in keys])

    def result(self, start: int, outcomes: Sequence[Outcome]) -> None:
        """Record the outcomes of a batch; those other than "done" by their place in the plan."""
        odd: dict[str, list[int]] = {}
        for place, outcome in enumerate(outcomes, start):
            if outcome != "done":
                odd.setdefault(outcome, []).append(place)
        self._audit.append("result", self._plan.id, start=start, end=start + len(outcomes), odd=odd)

    def note(self, event: str, **fields: object) -> None:
        """Record another event of the action."""
        self._audit.append(event, self._plan.id, **fields)

    def close(self, receipt: Receipt) -> None:
        """Store the receipt, record "closed", and delete the plan."""
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
    """Return the Refusal for an audit that cannot be written."""
    return Refusal("audit", error.message, error.remedy or "without an audit nothing is done")


def plan_file(folder: Path, action: str) -> Path:
    """Return the path of an open action's plan."""
    return folder / "actions" / f"{action}.plan"


def receipt_file(folder: Path, action: str) -> Path:
    """Return the path of a closed action's receipt."""
    return folder / "actions" / f"{action}.receipt"


def kept(path: Path, shape: type[T]) -> T | None:
    """Return what a state file holds; None where there is none, or it is damaged."""
    try:
        return msgspec.msgpack.decode(read_plain(path)[0], type=shape)
    except (OSError, msgspec.MsgspecError):
        return None


def tally(outcomes: Sequence[Outcome]) -> dict[str, int]:
    """Count the outcomes."""
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
