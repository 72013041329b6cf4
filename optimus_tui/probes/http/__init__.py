"""Services over HTTP: health checks, metrics, timing and what can go wrong on the way."""
