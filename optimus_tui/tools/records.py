"""The records of a document as one table: which of their keys are columns, and which belong to single records. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any


def split(records: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Return the keys that at least half of the records have, and for each record its other keys.

    A key is left out of both where no record, or this record, holds anything under it. What only some records know (one
    test of four counts requests) would be a column of blanks; it stands below the table, on that record's own line.
    """
    having: dict[str, int] = {}
    known: set[str] = set()
    for one in records:
        for key, value in one.items():
            having[key] = having.get(key, 0) + 1
            if not _is_nothing(value):
                known.add(key)
    shared = [key for key, count in having.items() if key in known and count * 2 >= len(records)]
    own = [[key for key in one if key not in shared and not _is_nothing(one[key])] for one in records]
    return shared, own


def _is_nothing(value: object) -> bool:
    return value is None or value == "" or (isinstance(value, (list, tuple, dict)) and not value)
