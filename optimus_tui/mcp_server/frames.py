"""Check JSON-RPC frames before the SDK sees them, and answer those that it would silently drop.

A request whose id is null, a fraction, a list or too large is an invalid request, not a notification. Batches exist
only in protocol version 2025-03-26.
"""

import json
from typing import Any

import mcp_types as types

WITH_BATCHES = "2025-03-26"
MOST_IN_BATCH = 50
LARGEST_ID = 2**53 - 1
"""The largest whole number that every JSON implementation keeps exactly."""
LONGEST_ID = 256
BYTE_ORDER_MARK = "\ufeff"
NO_MESSAGE = "the frame is JSON, but not a JSON-RPC message"


class FrameRefused(Exception):
    """A frame that is answered with an error. ``code`` is JSON-RPC's."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.error = types.JSONRPCError(
            jsonrpc="2.0", id=None, error=types.ErrorData(code=code, message=message, data=None)
        )

    @property
    def text(self) -> str:
        """The answer as JSON."""
        return self.error.model_dump_json(by_alias=True, exclude_unset=True)


def read_frame(text: str) -> Any:
    """Return a frame (an object or a list) without a byte order mark. ``text`` is not blank.

    Raises:
        FrameRefused: It is not JSON.
    """
    try:
        return json.loads(text.removeprefix(BYTE_ORDER_MARK))
    except (ValueError, RecursionError):
        raise FrameRefused(types.PARSE_ERROR, "the frame is not JSON") from None


def check_message(message: Any) -> None:
    """Check one message, not a batch.

    Raises:
        FrameRefused: The SDK would not answer it, though its sender waits for an answer.
    """
    if not isinstance(message, dict):
        raise FrameRefused(types.INVALID_REQUEST, NO_MESSAGE)
    if "id" not in message or ("error" in message and "method" not in message):
        return
    given = message["id"]
    fits = isinstance(given, str) and len(given) <= LONGEST_ID
    fits = fits or (isinstance(given, int) and not isinstance(given, bool) and abs(given) <= LARGEST_ID)
    if not fits:
        reason = f"an id must be a whole number up to {LARGEST_ID} or a text of up to {LONGEST_ID} characters"
        raise FrameRefused(types.INVALID_REQUEST, reason)


def members_of(batch: list[Any], version: str | None) -> list[dict[str, Any]]:
    """Return the messages of a batch.

    Args:
        batch: The decoded list.
        version: The negotiated protocol version; None before that.

    Raises:
        FrameRefused: Batches are not allowed now, or a message is refused.
    """
    if version != WITH_BATCHES:
        reason = f"protocol version {version}" if version else "a connection that was not initialized"
        raise FrameRefused(types.INVALID_REQUEST, f"{reason} does not allow batches")
    if not 0 < len(batch) <= MOST_IN_BATCH:
        raise FrameRefused(types.INVALID_REQUEST, f"a batch holds 1 to {MOST_IN_BATCH} messages")
    for message in batch:
        check_message(message)
        if message.get("method") == "initialize":
            raise FrameRefused(types.INVALID_REQUEST, "initialize must not be part of a batch")
    ids = [message["id"] for message in batch if is_request(message)]
    if len(set(ids)) < len(ids):  # Their answers could not be told apart.
        raise FrameRefused(types.INVALID_REQUEST, "two requests of a batch have the same id; none was carried out")
    return batch


def is_request(message: dict[str, Any]) -> bool:
    """Return True if the sender waits for an answer."""
    return "method" in message and "id" in message


def negotiated(requested: object) -> str:
    """Return the protocol version that the SDK answers an initialize request with."""
    known = types.version.HANDSHAKE_PROTOCOL_VERSIONS
    if requested not in known:
        return types.version.LATEST_HANDSHAKE_VERSION
    return str(requested)
