"""One tenant on the screen: counters, keys, events."""
