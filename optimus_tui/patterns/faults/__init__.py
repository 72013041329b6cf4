"""Faults of other services: which calls may raise one, and what on the way to the caller catches it."""
