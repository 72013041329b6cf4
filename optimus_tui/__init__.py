"""Optimus TUI: the control room of a multi-tenant gateway."""

__version__ = "0.1.0"
