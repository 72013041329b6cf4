"""Dialogs that answer one question and go."""
