"""A script that Redis runs even where its memory is full: a limit that is not counted then is no limit."""

from collections.abc import Sequence
from typing import Any
from weakref import WeakSet

from redis.asyncio import Redis
from redis.exceptions import ResponseError

_FLAGS = "#!lua flags=allow-oom\n"
_without_flags: "WeakSet[Redis]" = WeakSet()


class EssentialScript:
    """What must go on under memory pressure: small writes. A server before Redis 7 knows no such flag."""

    def __init__(self, redis: Redis, text: str) -> None:
        self._redis = redis
        self._flagged = redis.register_script(_FLAGS + text)
        self._plain = redis.register_script(text)

    async def __call__(self, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Run it, and return what it returns."""
        if self._redis not in _without_flags:
            try:
                return await self._flagged(keys=keys, args=args)
            except ResponseError as error:
                if "near '#'" not in str(error):
                    raise
                _without_flags.add(self._redis)
        return await self._plain(keys=keys, args=args)
