"""Alerts: what changed, what belongs together, what is muted."""
