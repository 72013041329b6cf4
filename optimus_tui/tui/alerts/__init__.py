"""Alerts on the screen: toasts, the bell, the history and its mutes."""
