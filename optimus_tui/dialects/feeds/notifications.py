"""Which keyspace notifications a profile's feeds need, as letters for Redis' setting notify-keyspace-events."""

from collections.abc import Iterable

from optimus_tui.dialects.model import FeedRule

SETTING = "notify-keyspace-events"
_CLASSES = {
    "g": ("del", "expire", "rename_from", "rename_to", "move_from", "move_to", "copy_to", "restore", "persist"),
    "$": ("set", "setrange", "incrby", "incrbyfloat", "append"),
    "x": ("expired",),
    "e": ("evicted",),
    "h": ("hset", "hincrby", "hincrbyfloat", "hdel"),
    "z": ("zadd", "zincr", "zrem", "zremrangebyscore", "zremrangebyrank"),
    "l": ("lpush", "rpush", "lpop", "rpop", "lset", "linsert", "lrem", "ltrim"),
    "s": ("sadd", "srem", "spop"),
}
"""The events of each letter, as far as limiters and caches use them."""


def needed_letters(feeds: Iterable[FeedRule]) -> str:
    """Return the letters without which these feeds get no events; empty if none is a keyspace notification."""
    letters: dict[str, None] = {}
    for feed in feeds:
        name = feed.channel or feed.pattern
        if not name.startswith(("__keyevent@", "__keyspace@")):
            continue
        by_event = name.startswith("__keyevent@")
        event = name.partition("__:")[2] if by_event else ""
        of_event = next((letter for letter, events in _CLASSES.items() if event in events), "A")
        letters |= dict.fromkeys(("E" if by_event else "K", of_event))
    if "A" in letters:  # it stands for all classes of events
        return "".join(one for one in letters if one in "KEA")
    return "".join(letters)
