"""Numbers and bytes as text, written the same on every surface. No I/O, no colour."""
