"""Read back the timestamps of our own documents. Reads no clock itself."""

import math
from datetime import UTC, datetime


def seconds_of(stamp: object) -> float | None:
    """Return ``2025-01-29T10:30:00Z``, with or without a fraction, as seconds since the epoch; else None."""
    if not isinstance(stamp, str) or not stamp.endswith("Z"):
        return None
    try:
        moment = datetime.fromisoformat(stamp.removesuffix("Z"))
        seconds = moment.replace(tzinfo=UTC).timestamp()
    except (ValueError, OverflowError):
        return None
    if math.isfinite(seconds):
        return seconds
    return None
