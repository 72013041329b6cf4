"""Screens: they lay panes out and route between them."""
