"""Settings: their shape, where each value came from, and the strict reading of addresses and files."""
