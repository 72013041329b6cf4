"""Byte counts as text: ``612 B``, ``1.0 KB``, ``92 KB``, ``2 GB``. An unknown size is ``?``, never 0."""

from optimus_tui.wording.numbers import UNKNOWN

_UNITS = ("KB", "MB", "GB", "TB", "PB")


def size(byte_count: int | None, *, estimate: bool = False) -> str:
    """Return ``byte_count`` in units of 1,024, from 1,000 B on in KB: no column holds ``1008 B`` beside ``1.0 KB``.

    ``?`` when unknown; ``~`` in front of an estimate.
    """
    if byte_count is None:
        return UNKNOWN
    mark = "~" * estimate
    if byte_count < 1000:
        return f"{mark}{byte_count} B"
    amount, unit = byte_count / 1024, 0
    while amount >= 1023.5 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    if amount >= 9.95:
        return f"{mark}{amount:,.0f} {_UNITS[unit]}"
    number = f"{amount:.1f}"
    # Keys are some KB: one decimal keeps the column aligned. From MB up a round size reads as configured: "2 GB".
    if unit > 0:
        number = number.removesuffix(".0")
    return f"{mark}{number} {_UNITS[unit]}"
