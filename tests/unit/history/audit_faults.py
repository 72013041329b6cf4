"""What can happen to an audit file: removed, renamed, truncated, cut back."""

import os
from pathlib import Path


def removed(path: Path) -> None:
    path.unlink()


def renamed(path: Path) -> None:
    path.rename(path.with_name("audit.jsonl.1"))


def renamed_and_created(path: Path) -> None:
    renamed(path)
    path.touch(0o600)


def truncated(path: Path) -> None:
    os.truncate(path, 0)


def cut_back(path: Path) -> None:
    os.truncate(path, sum(map(len, lines(path)[:-2])))


def lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)
