"""The pane of coherence events."""
