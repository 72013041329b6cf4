"""Writing several files at once with undo, and what the git repository around them looks like."""
