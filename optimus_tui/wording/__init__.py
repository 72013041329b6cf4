"""Numbers and bytes into words, the same on every surface. No I/O, no colour."""
