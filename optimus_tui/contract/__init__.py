"""Frozen data shapes that all rooms use: one file per subject, no behaviour beyond derived values, no I/O."""
