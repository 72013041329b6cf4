"""Verdicts on cache keys and coherence events."""
