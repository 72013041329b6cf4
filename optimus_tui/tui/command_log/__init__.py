"""The command log: what was sent to Redis and over HTTP."""
