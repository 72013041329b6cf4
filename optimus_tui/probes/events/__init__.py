"""The coherence events: the subscription, its connection, its buffer and the event log."""
