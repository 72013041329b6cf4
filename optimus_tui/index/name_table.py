"""Sorted names in one text. Each takes its own bytes, without the beginning that all share, and at most five more."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import overload

SEPARATOR = b"\n"
_PRINTABLE = bytes(range(0x20, 0x7F)) + SEPARATOR


class NameTable(Sequence[bytes]):
    """Sorted names without repetition.

    It never changes, so that rows made of it stay valid when a newer one replaces it.

    Attributes:
        shared: What every name begins with.
        plain: Whether all names are printable ASCII, and can be shown and searched without conversion.
    """

    __slots__ = ("_ends", "_one_a_line", "_text", "_width", "plain", "shared")

    def __init__(self, names: Sequence[bytes] = ()) -> None:
        self.shared = b""
        if len(names) > 1:
            self.shared = _beginning(names[0], names[-1])
        whole = SEPARATOR.join(names)
        self._one_a_line = whole.count(SEPARATOR) == max(0, len(names) - 1)
        cut = len(self.shared)
        if cut and self._one_a_line:
            self._text = whole.replace(SEPARATOR + self.shared, SEPARATOR)[cut:]
        else:
            self._text = SEPARATOR.join([name[cut:] for name in names])
        self._width = 0
        self._ends: array[int] | None = None
        if len(set(map(len, names))) == 1:
            self._width = len(names[0]) - cut + 1
        else:
            self._ends = array("Q", accumulate([len(name) - cut + 1 for name in names]))
        self.plain = self._one_a_line and not (self.shared + self._text).translate(None, _PRINTABLE)

    def __len__(self) -> int:
        if self._ends is None:
            return (len(self._text) + 1) // self._width
        return len(self._ends)

    @overload
    def __getitem__(self, index: int) -> bytes: ...

    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...

    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        size = len(self)
        if index < 0:
            index += size
        if not 0 <= index < size:
            raise IndexError(index)
        if self._ends is None:
            begin = index * self._width
            end = begin + self._width
        else:
            begin = self._ends[index - 1] if index else 0
            end = self._ends[index]
        return self.shared + self._text[begin : end - 1]

    def all(self) -> list[bytes]:
        """Return the names as a list."""
        if not len(self):
            return []
        if self._one_a_line:
            shared = self.shared
            return [shared + rest for rest in self._text.split(SEPARATOR)]
        return list(self)

    def find(self, name: bytes) -> int:
        """Return the position of a name; -1 if it is not in the table."""
        at = bisect_left(self, name)
        if at < len(self) and self[at] == name:
            return at
        return -1

    def lines(self) -> bytes:
        """Return all names, one a line. Only for a table whose ``plain`` is True."""
        if len(self):
            return self.shared + self._text.replace(SEPARATOR, SEPARATOR + self.shared)
        return b""


def _beginning(first: bytes, last: bytes) -> bytes:
    """Return what two names begin with alike; in an order, all names between them begin so, too."""
    for at, (one, other) in enumerate(zip(first, last, strict=False)):
        if one != other:
            return first[:at]
    return min(first, last, key=len)


def rows_with(text: bytes, needle: bytes) -> Iterable[int]:
    """Yield the numbers of the lines that hold ``needle``, from 0 on."""
    row, begin = 0, 0
    at = text.find(needle)
    while at >= 0:
        row += text.count(SEPARATOR, begin, at)
        yield row
        begin = text.find(SEPARATOR, at)
        if begin < 0:
            return
        at = text.find(needle, begin)
