"""The terminal itself: signals, crash reports, clipboard, editor and the filter for control characters."""
