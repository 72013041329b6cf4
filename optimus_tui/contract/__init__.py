"""Frozen shapes that every floor speaks: one file per subject, no behaviour beyond derived values, no I/O."""
