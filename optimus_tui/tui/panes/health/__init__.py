"""The pane of health."""
