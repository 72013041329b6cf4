"""Incidents on the screen: opening, resuming, steps, recommendations."""
