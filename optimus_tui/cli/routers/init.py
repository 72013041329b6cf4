"""``init DIR``: copy the reference system, with passwords of its own. Existing files are never touched."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click

from optimus_tui.assets import asset_dir
from optimus_tui.cli import exits
from optimus_tui.cli.output import print_error, print_line
from optimus_tui.wording.safe import shell_word

_NOT_COPIED = ("__pycache__", ".pytest_cache", ".ruff_cache", ".mypy_cache", ".venv", "build", "dist")
ENVIRONMENT = ".env"
_STEPS = """
Next steps:
  cd {place}
  python -m venv .venv && .venv/bin/pip install -e '.[dev]'
  docker-compose -f docker-compose.prod.yml up -d postgres redis
  set -a; . ./.env; set +a
  .venv/bin/uvicorn ai_engine.app:app --port 8010 &
  .venv/bin/uvicorn backend.app:app --port 8020 &
  optimus-tui
"""
_ENVIRONMENT = """\
# Written by optimus-tui init, with random passwords; docker-compose reads it. In a shell: set -a; . ./.env; set +a
REDIS_PASSWORD={redis}
POSTGRES_PASSWORD={postgres}
REDIS_URL=redis://:{redis}@127.0.0.1:6379/0
POSTGRES_DSN=postgresql://optimus:{postgres}@127.0.0.1:5432/optimus
"""


class NotCopied(Exception):
    """Raised with one sentence if nothing was copied."""


@click.command("init")
@click.argument("directory", metavar="DIR")
def command(directory: str) -> int:
    """Copy the reference Backend Orchestrator and AI Engine to DIR, never over existing files."""
    try:
        passwords = {"redis": secrets.token_hex(24), "postgres": secrets.token_hex(24)}
        environment = _ENVIRONMENT.format(**passwords).encode()
        copied = copy_template(asset_dir("templates") / "orchestrator", Path(directory), environment)
    except (NotCopied, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        if not isinstance(error, NotCopied):
            reason = f"{directory} cannot be written: {reason}"
        print_error(f"init: {reason}")
        return exits.USAGE
    print_line(f"{copied} files are in {directory}; the passwords of Redis and Postgres in its .env")
    for line in _STEPS.format(place=shell_word(directory)).splitlines():
        print_line(line)
    return exits.HEALTHY


def copy_template(source: Path, target: Path, environment: bytes = b"") -> int:
    """Copy all or nothing, and return the number of files.

    Args:
        source: the template.
        target: where its files go.
        environment: the content of ``.env``; one that exists stays as it is. Empty for none.

    Raises:
        NotCopied: it cannot be done; the text says why.
        OSError: a file cannot be written.
    """
    files = sorted(_files(source))
    if not files:
        raise NotCopied("the template is missing from the installation; install optimus-tui again")
    if os.path.lexists(target) and not target.is_dir():
        raise NotCopied(f"{target} exists and is not a directory")
    _refuse_existing(target, files)
    if target.is_dir() and any(target.iterdir()):
        return _add(source, target.resolve(), files, environment)
    target.parent.mkdir(parents=True, exist_ok=True)
    place = target.resolve()
    draft = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
    try:
        for name in files:
            (draft / name).parent.mkdir(parents=True, exist_ok=True)
            _copy_new(source / name, draft / name)
        if environment:
            _write_new(draft / ENVIRONMENT, environment, 0o600)
        draft.chmod(0o777 & ~_umask())
        draft.rename(place)  # takes the place of an empty directory, fails on any other
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return len(files)


def _files(source: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(source):
        folders[:] = [name for name in folders if name not in _NOT_COPIED and not name.endswith(".egg-info")]
        for name in names:
            path = Path(folder, name)
            if path.is_symlink() or not path.is_file() or name.endswith((".pyc", ".pyo")):
                continue
            yield path.relative_to(source)


def _refuse_existing(target: Path, files: list[Path]) -> None:
    there = [str(name) for name in files if os.path.lexists(target / name)]
    if there:
        more = ""
        if len(there) > 10:
            more = f" and {len(there) - 10} more"
        raise NotCopied(f"nothing was written, these exist in {target}: {', '.join(there[:10])}{more}")


def _add(source: Path, target: Path, files: list[Path], environment: bytes) -> int:
    """Into a directory that holds other files; takes back what it wrote when one step fails."""
    written: list[Path] = []
    made: list[Path] = []
    try:
        for name in files:
            folder = target
            for part in name.parent.parts:
                folder = folder / part
                if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
                    raise NotCopied(f"nothing was written: {folder} is not a plain directory")
                if not folder.exists():
                    folder.mkdir()
                    made.append(folder)
            _copy_new(source / name, target / name)
            written.append(target / name)
        if environment and not os.path.lexists(target / ENVIRONMENT):
            _write_new(target / ENVIRONMENT, environment, 0o600)
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        for folder in reversed(made):
            folder.rmdir()
        raise
    return len(files)


def _copy_new(source: Path, target: Path) -> None:
    """Write a new file with the source's content and its execute bit."""
    mode = 0o666
    if os.access(source, os.X_OK):
        mode = 0o777
    _write_new(target, source.read_bytes(), mode)


def _write_new(target: Path, content: bytes, mode: int) -> None:
    """Write a new file. Fail where anything, even a dangling link, exists."""
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    with open(handle, "wb") as file:
        file.write(content)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
