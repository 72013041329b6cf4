"""Check what replies announce before the parser sees them: how many elements, and how deep. Pure.

The parser allocates room for a whole list at once: fourteen bytes that announce two thousand million elements would
block the process for minutes. Such an announcement is refused, as are lists nested deeper than any valid reply.
"""

MAX_ELEMENTS = 1_000_000
"""All lists of one reply together; the largest page has some ten thousand."""
MAX_DEPTH = 16
"""A slow log has three levels."""
MAX_LINE = 64 * 1024


class Unbounded(Exception):
    """The reply announces more than any valid one has; the message says what, in safe words."""


class ReplyHeads:
    """Follows the replies of one connection. Call ``check`` with everything that arrives, in order."""

    def __init__(self) -> None:
        self._rest = b""
        self._skip = self._announced = 0
        self._open: list[int] = []

    def check(self, data: bytes) -> None:
        """Raise Unbounded before the parser sees data that it cannot handle. Invalid protocol is left to the parser."""
        if self._rest:
            data, self._rest = self._rest + data, b""
        at, end = 0, len(data)
        while at < end:
            if self._skip:
                step = min(self._skip, end - at)
                at, self._skip = at + step, self._skip - step
                if not self._skip:
                    self._close()
                continue
            stop = data.find(b"\r\n", at)
            if stop < 0:
                self._rest = data[at:]
                if len(self._rest) > MAX_LINE:
                    raise Unbounded("a line without end")
                return
            self._head(data[at : at + 1], data[at + 1 : min(stop, at + 24)])
            at = stop + 2

    def _head(self, kind: bytes, text: bytes) -> None:
        if kind not in (b"$", b"=", b"!", b"*", b"~", b">", b"%", b"|"):
            self._close()
            return
        try:
            size = int(text)
        except ValueError:  # the parser says so, too
            return
        if kind in (b"$", b"=", b"!"):
            self._skip = size + 2 if size >= 0 else 0
        else:
            size *= 2 if kind in (b"%", b"|") else 1
            self._announced += max(size, 0)
            if size > 0:
                self._open.append(size)
        if self._announced > MAX_ELEMENTS:
            raise Unbounded("an answer of more than a million elements")
        if len(self._open) > MAX_DEPTH:
            raise Unbounded("lists within lists within lists")
        if size < 0 or (size == 0 and kind not in (b"$", b"=", b"!")):
            self._close()

    def _close(self) -> None:
        """Record the end of one element, and with the last one of a list the end of the list."""
        while self._open:
            self._open[-1] -= 1
            if self._open[-1]:
                return
            self._open.pop()
        self._announced = 0
