"""Feeds of events: which channels a profile names, how its messages are read, and which server setting they need."""
