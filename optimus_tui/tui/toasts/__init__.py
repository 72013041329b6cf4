"""Toasts: which one is shown, what it says in two lines, and where it stands."""
