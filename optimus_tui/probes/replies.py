"""Replies of a pipeline, one by one: which errors belong to one key and which to the whole server.

It refuses to let a server's trouble pass as a key's: what is not plainly about one key is raised.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
from redis.exceptions import InvalidResponse, NoPermissionError, ResponseError

T = TypeVar("T")


def is_wrong_type(reply: object) -> bool:
    """True for the error that a command for another type got."""
    return isinstance(reply, ResponseError) and str(reply).startswith("WRONGTYPE")


def raise_general(replies: Sequence[object], step: int = 1) -> None:
    """Raise the first error that is about more than one key.

    ``step`` commands were sent for each key. A right that is missing for some keys is theirs alone; one that is missing
    for every key is the login's.
    """
    for reply in replies:
        if isinstance(reply, Exception) and not is_wrong_type(reply) and not isinstance(reply, NoPermissionError):
            raise reply
    for command in range(step):
        column = replies[command::step]
        if column and all(isinstance(reply, NoPermissionError) for reply in column):
            denied: Any = column[0]
            raise denied


def shaped(reply: object, shape: type[T]) -> T:
    """``reply`` as the type it must have, or InvalidResponse: what answers is then no server we know."""
    try:
        return msgspec.convert(reply, shape)
    except msgspec.ValidationError as error:
        raise InvalidResponse(str(error)) from None
