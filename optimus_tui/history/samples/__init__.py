"""Samples in SQLite and from Prometheus, and the windows and rates that are taken from them."""
