"""Incidents on the disk: carry out the engine's effects, record its events, and write the post-mortem."""
