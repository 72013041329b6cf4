"""``audit``: is the chain whole, and what was done. Reads only; the writer is never asked.

Exit code 0: whole; 1: something in it was changed, dropped or put in; 2: there is no audit, or it cannot be read.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from optimus_tui.cli import exits
from optimus_tui.cli.output import complain, document, hang, say
from optimus_tui.wording.numbers import plural

_LEFT_OUT = ("v", "seq", "at", "mono", "event", "action", "prev", "hash", "pid", "version")


@click.group("audit", short_help="Verify and show what was changed from here.")
def command() -> None:
    """The hash-chained record of every action."""


def _path(folder: str | None) -> Path:
    from optimus_tui.history.audit import FILE, state_folder

    return (Path(folder) if folder else state_folder()) / FILE


_folder = click.option("--state", "folder", metavar="DIR", help="The state directory, if it is not your own.")


@command.command("verify")
@_folder
def verify_command(folder: str | None) -> int:
    """Follow the chain from its first record. Keep the number and the hash: they show a cut-off end."""
    from optimus_tui.history.audit_lines import verify

    path = _path(folder)
    try:
        checked = verify(path)
    except OSError as error:
        complain(f"{path}: {error.strerror}")
        return exits.USAGE
    if checked.problem:
        complain(f"{path}, line {checked.broken_line:,}: {checked.problem}")
        complain(f"{plural(checked.records, 'record')} before it are whole")
        return exits.FOUND_SOMETHING
    say(f"{path}: {plural(checked.records, 'record')}, whole")
    if checked.records:
        say(f"from {checked.first_at} to {checked.last_at}")
        say(f"last hash {checked.last_hash}")
    if checked.torn_bytes:
        say(f"{plural(checked.torn_bytes, 'byte')} of an unfinished record at the end: nothing counts on it")
    return exits.HEALTHY


@command.command("show")
@_folder
@click.option("--action", metavar="ID", help="Only this action; the beginning of its id is enough.")
@click.option("--last", type=click.IntRange(1), metavar="N", help="Only the last N records.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document a line, as they stand.")
def show_command(folder: str | None, action: str | None, last: int | None, as_json: bool) -> int:
    """The records, oldest first. They are shown as they stand; ``verify`` says whether to believe them."""
    import msgspec

    from optimus_tui.history.audit_lines import read

    path = _path(folder)
    try:
        records = [one for one in read(path) if not action or str(one.get("action", "")).startswith(action)]
    except OSError as error:
        complain(f"{path}: {error.strerror}")
        return exits.USAGE
    if not records:
        complain(f"{path}: no record{f' of {action}' if action else ''}")
        return exits.USAGE if not path.exists() else exits.HEALTHY
    for record in records[-last:] if last else records:
        if as_json:
            document(msgspec.json.encode(record))
        else:
            hang(f"{str(record.get('at', '?'))[:19]}  {str(record.get('action', ''))[:8]:8}  ", _words(record))
    return exits.HEALTHY


def _words(record: Mapping[str, Any]) -> str:
    """The event and its fields; long lists as their number."""
    shown = []
    for name, value in record.items():
        if name in _LEFT_OUT or value in (None, "", {}, []):
            continue
        if isinstance(value, list) and len(value) > 3:
            value = f"{value[0]} … {value[-1]} ({len(value):,})"
        elif isinstance(value, dict):
            value = " ".join(f"{inner} {one}" for inner, one in value.items() if one not in (None, "", []))
        shown.append(f"{name} {value}")
    return f"{record.get('event', '?')}: {', '.join(shown)}" if shown else str(record.get("event", "?"))
