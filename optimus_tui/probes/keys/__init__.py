"""Keys in Redis: scans, counters, cache entries, previews and their layouts."""
