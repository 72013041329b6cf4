"""The pane of cache keys."""
