"""Widgets that draw what they are given, and know nothing of its meaning."""
