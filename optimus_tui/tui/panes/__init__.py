"""The four panes: each owns its rows, its keys and its words."""
