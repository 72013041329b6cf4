"""``audit``: verify the chain of records, show them, and continue it after its file was moved or lost.

Exit code 0: complete; 1: a record was changed, dropped or inserted, or the end is missing; 2: there is no
audit, or it cannot be read; 4: refused. ``verify`` and ``show`` only read, and need no settings.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from optimus_tui.cli import exits
from optimus_tui.cli.output import document, print_error, print_line, print_wrapped
from optimus_tui.wording.numbers import plural

if TYPE_CHECKING:
    from optimus_tui.history.audit.chain import AuditCheck

_LEFT_OUT = ("v", "seq", "at", "mono", "event", "action", "prev", "hash", "pid", "version")


@click.group("audit")
def command() -> None:
    """The hash-chained record of every action."""


def _path(folder: str | None) -> Path:
    from optimus_tui.history.audit.chain import FILE
    from optimus_tui.storage.private_file import state_dir

    if folder:
        return Path(folder) / FILE
    return state_dir() / FILE


_folder = click.option("--state", "folder", metavar="DIR", help="The state directory, if it is not your own.")


@command.command("verify")
@_folder
def verify_command(folder: str | None) -> int:
    """Verify the chain from its first record, over all its files, to the last record that audit.head names."""
    from optimus_tui.actions.action_log import without_record
    from optimus_tui.history.audit.chain import verify

    path = _path(folder)
    try:
        checked = verify(path)
    except OSError as error:
        print_error(_words_of(path, error))
        return exits.USAGE
    if checked.problem:
        place = path
        if checked.broken_file:
            place = path.with_name(checked.broken_file)
        line = ""
        if checked.broken_line:
            line = f", line {checked.broken_line:,}"
        print_error(f"{place}{line}: {checked.problem}")
        print_error(f"{plural(checked.records, 'record')} before that are valid")
        _say_files(checked)
        _say_moved(path)
        return exits.FOUND_SOMETHING
    if unknown := without_record(path.parent):
        for action in unknown:
            print_error(f"{path} holds nothing of action {action[:8]}, but its plan is stored: records are missing")
        return exits.FOUND_SOMETHING
    print_line(f"{path}: {plural(checked.records, 'record')}, whole")
    _say_files(checked)
    if checked.records:
        print_line(f"from {checked.first_at} to {checked.last_at}")
        print_line(f"last hash {checked.last_hash}")
    if checked.headless:
        print_line("written by an earlier version, without audit.head: records missing at the end cannot be noticed")
    return exits.HEALTHY


def _say_files(checked: "AuditCheck") -> None:
    if len(checked.parts) > 1:
        for part in checked.parts:
            what = "no valid record"
            if part.last:
                what = f"records {part.first:,} to {part.last:,}"
            print_line(f"  {part.name}: {what}")
    for one in checked.breaks:
        print_line(f"a break was accepted at {one.at}: {_lost(one.first, one.last)}; reason given: {one.reason}")
    if checked.torn_bytes:
        print_line(f"{plural(checked.torn_bytes, 'byte')} of an unfinished record at the end are ignored")


def _say_moved(path: Path) -> None:
    from optimus_tui.history.audit.chain import read_head
    from optimus_tui.history.audit.end import moved_to, put_back

    try:
        head = read_head(path.parent)
    except OSError:
        return
    place = None
    if head is not None:
        place = moved_to(path, head)
    if place is not None:
        print_error(f"its records are in {place}: run optimus-tui audit rotate to continue from that file")
    elif head is not None and head.seq:
        print_error(put_back(path))


@command.command("show")
@_folder
@click.option("--action", metavar="ID", help="Only this action; the beginning of its id is enough.")
@click.option("--last", type=click.IntRange(1), metavar="N", help="Only the last N records.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document per line, unverified.")
def show_command(folder: str | None, action: str | None, last: int | None, as_json: bool) -> int:
    """The records, oldest first. They are shown unverified: ``verify`` tells whether they can be trusted."""
    import msgspec

    from optimus_tui.history.audit.chain import read

    path = _path(folder)
    try:
        records = [one for one in read(path) if not action or str(one.get("action", "")).startswith(action)]
    except OSError as error:
        print_error(_words_of(path, error))
        return exits.USAGE
    if not records:
        sought = ""
        if action:
            sought = f" of {action}"
        print_error(f"{path}: no record{sought}")
        if not path.exists():
            return exits.USAGE
        return exits.HEALTHY
    for record in records[-(last or len(records)) :]:
        if as_json:
            document(msgspec.json.encode(record))
        else:
            print_wrapped(f"{str(record.get('at', '?'))[:19]}  {str(record.get('action', ''))[:8]:8}  ", _words(record))
    return exits.HEALTHY


@command.command("rotate")
@_folder
def rotate_command(folder: str | None) -> int:
    """Begin a new file that continues the present one, even if logrotate has moved it."""
    from optimus_tui.history.audit.end import AuditUnwritable
    from optimus_tui.history.audit.log import rotate

    path = _path(folder)
    try:
        kept = rotate(path.parent)
    except (AuditUnwritable, OSError) as error:
        print_error(error)
        return exits.REFUSED
    print_line(f"the records until now lie in {kept}; {path} goes on from there")
    return exits.HEALTHY


@command.command("accept-break")
@_folder
@click.option("--reason", metavar="TEXT", required=True, help="Why the records are missing; it goes into the audit.")
def accept_command(folder: str | None, reason: str) -> int:
    """Continue without records that are lost for good. The audit records how many, who accepted that, and why."""
    from optimus_tui.actions.action_log import accept
    from optimus_tui.history.audit.end import AuditUnwritable

    path = _path(folder)
    if len(reason.strip()) < 3:
        raise click.UsageError("a reason is needed: it goes into the audit")
    try:
        accepted, actions = accept(path.parent, reason)
    except (AuditUnwritable, OSError) as error:
        print_error(error)
        return exits.REFUSED
    print_line(f"{path} goes on: {_lost(accepted.first, accepted.last)}; the audit records that")
    for kept in accepted.kept:
        print_line(f"kept: {kept}")
    for words in actions:
        print_line(words)
    return exits.HEALTHY


def _lost(first: int, last: int) -> str:
    if last >= first:
        return f"records {first:,} to {last:,} are lost"
    return "no record is lost"


def _words_of(path: Path, error: OSError) -> str:
    from optimus_tui.storage.private_file import UnreadableFile

    if isinstance(error, UnreadableFile):
        return str(error)
    return f"{path}: {error.strerror}"


def _words(record: Mapping[str, Any]) -> str:
    """Return the event and its fields; long lists as their number."""
    shown = []
    for name, value in record.items():
        if name in _LEFT_OUT or value in (None, "", {}, []):
            continue
        if isinstance(value, list) and len(value) > 3:
            value = f"{value[0]} … {value[-1]} ({len(value):,})"
        elif isinstance(value, dict):
            value = " ".join(f"{inner} {one}" for inner, one in value.items() if one not in (None, "", []))
        shown.append(f"{name} {value}")
    if shown:
        return f"{record.get('event', '?')}: {', '.join(shown)}"
    return str(record.get("event", "?"))
