"""Numbers and bytes as text, the same on every surface. No I/O, no colour."""
