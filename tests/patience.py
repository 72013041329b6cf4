"""How long a test waits for what must come: long enough for a busy machine, since nobody waits once it is there."""

PATIENCE = 60.0
"""Seconds. Less only where a test says that it did not come, or came too late."""
