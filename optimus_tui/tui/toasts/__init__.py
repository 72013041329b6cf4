"""Toasts: which one is shown, its two lines, and its place."""
