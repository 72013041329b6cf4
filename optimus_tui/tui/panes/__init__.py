"""The four panes. Each has its own rows, keys and texts."""
