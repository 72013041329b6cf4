"""The polling loops: one long-lived loop for each source, for any surface that listens."""
