"""Parsers for names and payloads: total functions over untrusted bytes. No I/O; no function raises on any input."""
