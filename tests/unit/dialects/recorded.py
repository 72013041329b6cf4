"""The recordings beside this file: what products left in a Redis, and what each name means by the setup of its run."""

import tomllib
from functools import cache
from pathlib import Path
from typing import NamedTuple

from optimus_tui.dialects.layout import KeyLayout
from optimus_tui.dialects.load import load_table

FOLDER = Path(__file__).with_name("recordings")


class Recorded(NamedTuple):
    """One name. ``what`` is the operation of a counter, the kind of a cached answer; "" where the name has none."""

    key: bytes
    type: str
    family: str
    tenant: str
    what: str
    limit: str
    window: str
    doubt: str


def recordings() -> list[str]:
    """Return the names of all recordings."""
    return sorted(path.stem for path in FOLDER.glob("*.tsv"))


@cache
def _lines(name: str) -> tuple[list[str], list[str]]:
    lines = (FOLDER / f"{name}.tsv").read_text("utf-8").splitlines()
    return [line[2:] for line in lines if line.startswith("# ")], [line for line in lines if not line.startswith("# ")]


def preset_of(name: str) -> str:
    """Return the preset of a recording; "" for neighbours, which are of none."""
    return _lines(name)[0][1].removeprefix("preset:").strip()


@cache
def layout_of(name: str) -> KeyLayout:
    """Return the layout for a recording: its preset, below what the team of its setup would write."""
    own = "\n".join(_lines(name)[0][2:])
    preset = preset_of(name)
    text = f'extends = "{preset}"\n{own}' if preset else own
    return KeyLayout(load_table(tomllib.loads(text), name, text, within=""))


def names_of(name: str) -> list[Recorded]:
    """Return the names of a recording."""
    rows = (line.split("\t") for line in _lines(name)[1][1:])
    return [Recorded(row[0].encode(), *[*row[1:], *[""] * (8 - len(row))]) for row in rows]
