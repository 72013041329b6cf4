"""Say in plain sentences what the rules of a profile mean."""

from optimus_tui.dialects.model import CacheRule, FeedRule, LimitRule

CAPTURES = {
    "tenant": "Whose counter or cache key it is.",
    "operation": "What is counted.",
    "kind": "What is cached.",
    "rest": "What follows in the name of a cache key; in a counter's it is matched, not interpreted.",
    "limit": "Requests a window.",
    "times": "How many units a window has.",
    "unit": "The unit of a window: second, minute, hour, day, week, month or year.",
    "window_s": "The window in seconds.",
    "window_ms": "The window in milliseconds.",
    "start_s": "When the window began, in seconds since 1970.",
    "start_ms": "When the window began, in milliseconds since 1970.",
    "index": "The number of the window: its start divided by its length.",
    "day": "The day of the window, as 2026-01-31.",
    "minute": "The minute of the window, as 2026-01-31-12-30.",
    "hhmm": "The time of the window, as 12-30.",
    "hash": "16 to 128 hexadecimal digits; matched, not interpreted.",
    "uuid": "A UUID; matched, not interpreted.",
    "n": "A number; matched, not interpreted.",
    "any": "Anything; matched, not interpreted.",
}
"""What each capture means. One that says which window a name is of is not part of a counter's identity."""
VALUES = {
    "count": "a number that counts up",
    "remaining": "a number that counts down what is left",
    "log": "a list of times, of which those inside the window count",
    "pair": "this window's number and a share of the window's before it",
    "bucket": "tokens and when they were refilled",
    "gcra": "the time at which all of the limit is free again",
    "json": "a number inside a JSON document",
    "blocked": "a mark: requests are refused while it is there",
    "card": "the members of a set",
}
_RESETS = {
    "ttl": "its window ends with its TTL",
    "ttl-window": "its window ends one window before its TTL",
    "window": "its window ends at the time in its name plus the window",
}
_NO_TTL = {
    "stuck": "without a TTL it never resets",
    "heals": "without a TTL the limiter sets it again by itself",
    "dated": "without a TTL it belongs to a window that is over",
    "normal": "it needs no TTL",
}


def limit_words(rule: LimitRule) -> str:
    """Return the sentence for what a rule of counters reads from a name."""
    said = [f"A counter of {_owner(rule.template.names, rule.tenant)}, {_operation(rule)}"]
    said.append(f"its value is {' or '.join(VALUES[kind] for kind in rule.values)}")
    if rule.beside:
        said.append(f"the same value holds {', '.join(one.operation or '' for one in rule.beside)}, too")
    said.append(_limit(rule))
    if "gcra" not in rule.values and "bucket" not in rule.values:
        said.append(_RESETS[rule.resets])
    said.append(_NO_TTL[rule.no_ttl])
    if not rule.counts_refused:
        said.append("refused requests are not counted")
    return "; ".join(said)


def cache_words(rule: CacheRule) -> str:
    """Return the sentence for what a rule of cache keys reads from a name."""
    kind = "of a kind that its name says" if "kind" in rule.template.names else f"of the kind {rule.kind or 'unknown'}"
    return f"A cache key of {_owner(rule.template.names, rule.tenant)}, {kind}"


def feed_words(rule: FeedRule) -> str:
    """Return the sentence for what a rule of a feed reads."""
    place = f"the channel {rule.channel}" if rule.channel else f"the channels {rule.pattern}"
    payload = {
        "json": "JSON documents",
        "key": "names of keys that changed",
        "keyevent": "keyspace notifications: the names of keys that changed",
    }
    return f"Events come on {place} as {payload[rule.payload]}"


def _owner(names: frozenset[str], fixed: str) -> str:
    if "tenant" in names:
        return "the tenant in its name"
    if fixed:
        return f"the tenant {fixed}"
    return "a tenant that its name does not say"


def _operation(rule: LimitRule) -> str:
    if "operation" in rule.template.names:
        return "its operation is in its name"
    if rule.operation == "":
        return "whose operation is not known"
    if rule.operation in (None, "*"):
        return "which counts all of its requests"
    return f"its operation is {rule.operation}"


def _limit(rule: LimitRule) -> str:
    names = rule.template.names
    limit = "is in its name" if "limit" in names else "is not in its name"
    if rule.limit is not None:
        limit = f"is {rule.limit:,}"
    if names & {"unit", "window_s", "window_ms"}:
        if "limit" in names:
            return f"its limit {limit}, as its window is"
        return f"its limit {limit}, but its window is"
    if rule.window_seconds:
        return f"its limit {limit}, its window is {rule.window_seconds:g} s"
    return f"its limit {limit}"
