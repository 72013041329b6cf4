"""Feeds of events: which channels a profile names, how its messages are read, what the server must be set to."""
