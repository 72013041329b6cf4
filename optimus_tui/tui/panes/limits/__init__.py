"""The pane of rate limits."""
