"""Read tests/FAULTS.md and the tests that cite its rows.

``python -m tests.faults ROW…`` prints the tests of these rows, ``python -m tests.faults`` the number of tests for each.
"""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).parent
PAGE = TESTS / "FAULTS.md"
NO_TEST = "No test:"
_ROW = re.compile(r"\| (\d+) \| (.+) \| (.+) \| (.+) \|")
_CITED = re.compile(r"_rows?_(\d[0-9a-z_]*)$")
_TEST = re.compile(r"^ *(?:async )?def (test_\w+)\(", re.MULTILINE)
_NAMED = re.compile(r"`(test_\w+)`")


@dataclass(frozen=True)
class FaultRow:
    """A row of the page: its number, what comes in, what must happen, and what shows that it does."""

    number: int
    comes_in: str
    must_happen: str
    shown_by: str

    @property
    def tests(self) -> list[str]:
        """The names of tests that the last column holds."""
        return _NAMED.findall(self.shown_by)


def rows() -> list[FaultRow]:
    """Return the rows of the page in its order."""
    found = (_ROW.fullmatch(line) for line in PAGE.read_text("utf-8").splitlines())
    return [FaultRow(int(match[1]), match[2], match[3], match[4]) for match in found if match]


def cited(name: str) -> set[int]:
    """Return the rows that the name of a test cites: ``…_row_40``, ``…_rows_1_to_7_and_11``, ``…_rows_70_75``.

    Raises:
        ValueError: The name ends like a citation and is none.
    """
    match = _CITED.search(name)
    if match is None:
        return set()
    numbers: list[int] = []
    begins = False
    for word in match[1].split("_"):
        if word == "to":
            begins = True
        elif word.isdigit():
            numbers += range(numbers[-1] + 1, int(word) + 1) if begins else [int(word)]
            begins = False
        elif word not in ("and", "row", "rows"):
            raise ValueError(f"{name} cites no row that can be read: {match[1]}")
    return set(numbers)


def citing_tests() -> dict[int, list[str]]:
    """Return the tests that cite each row, as ``path::name`` with paths from tests/."""
    found: dict[int, list[str]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        if "patterns_corpus" in path.parts:
            continue
        for name in _TEST.findall(path.read_text("utf-8")):
            for number in sorted(cited(name)):
                found.setdefault(number, []).append(f"{path.relative_to(TESTS)}::{name}")
    return found


def main() -> None:
    """Print the tests of the rows that the command line names, or the number of tests for each row."""
    by_row = citing_tests()
    wanted = [int(word) for word in sys.argv[1:]]
    for row in rows():
        tests = by_row.get(row.number, [])
        if row.number in wanted:
            print(f"{row.number}. {row.comes_in}: {row.must_happen}", *tests, sep="\n    ")
        elif not wanted:
            print(f"{row.number:>4} {len(tests):>4}  {row.comes_in}")


if __name__ == "__main__":
    main()
