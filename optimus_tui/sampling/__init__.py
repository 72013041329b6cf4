"""The polling loops: one long-lived loop a source, for whichever surface listens."""
