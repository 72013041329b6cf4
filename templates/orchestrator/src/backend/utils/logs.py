"""Structured logs: one JSON object a line on stderr, everything outside ASCII escaped.

Callers hand over chosen fields only. Bodies, phone numbers, headers and URLs with credentials are never among them.
"""

import json
import logging
import os
import time
from datetime import UTC, datetime
from typing import Any

REPEAT_SECONDS = 5.0


class JsonFormatter(logging.Formatter):
    """A record as JSON: time, level, logger, event, and the `fields` given in `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line; control characters cannot leave a JSON string."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        document: dict[str, Any] = {
            "timestamp": moment.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            document["exception"] = self.formatException(record.exc_info)
        return json.dumps(document, default=str)


class RepeatFilter(logging.Filter):
    """Lets the same warning through once in `REPEAT_SECONDS`: a Redis that is down is one event, not one a request."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Pass what is not a warning, and warnings not seen lately. Events are constants, so the memory is bounded."""
        if record.levelno != logging.WARNING:
            return True
        now, key = time.monotonic(), (record.name, str(record.msg))
        if now - self._last.get(key, float("-inf")) < REPEAT_SECONDS:
            return False
        self._last[key] = now
        return True


def configure_logging() -> None:
    """Send the `backend` loggers to stderr as JSON, at LOG_LEVEL (INFO). Calling it again changes nothing."""
    root = logging.getLogger("backend")
    if root.handlers:
        return
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    handler.addFilter(RepeatFilter())
    root.addHandler(handler)
    root.propagate = False
    level = os.environ.get("LOG_LEVEL", "INFO").upper()
    root.setLevel(level if level in logging.getLevelNamesMapping() else "INFO")
