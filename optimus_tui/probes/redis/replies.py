"""Check the replies of a pipeline one by one: which errors concern one key and which the whole server.

An error that does not clearly concern one key is raised.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
from redis.exceptions import InvalidResponse, NoPermissionError, ResponseError

T = TypeVar("T")


def is_wrong_type(reply: object) -> bool:
    """Return True for the error of a command for another key type."""
    return isinstance(reply, ResponseError) and str(reply).startswith("WRONGTYPE")


def raise_general(replies: Sequence[object], step: int = 1) -> None:
    """Raise the first error that concerns more than one key.

    ``step`` commands were sent for each key. A right that is missing for some keys concerns only these; one that is
    missing for every key concerns the login.
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
    """Return ``reply`` if it has the type ``shape``, else raise InvalidResponse."""
    try:
        return msgspec.convert(reply, shape)
    except msgspec.ValidationError as error:
        raise InvalidResponse(str(error)) from None


def whole_number(reply: object) -> int | None:
    """Return ``reply`` if it is a whole number, else None."""
    if isinstance(reply, int):
        return reply
    return None


def natural_number(reply: object) -> int | None:
    """Return ``reply`` if it is a whole number that is not negative, else None."""
    if isinstance(reply, int) and reply >= 0:
        return reply
    return None


def items_of(reply: object) -> list[Any]:
    """Return ``reply`` if it is a list, else an empty one."""
    if isinstance(reply, list):
        return reply
    return []
