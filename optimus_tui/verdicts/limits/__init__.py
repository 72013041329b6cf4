"""Verdicts on rate limits and their counters."""
