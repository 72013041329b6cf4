"""The dashboard: the screen with the four panes, and its controllers."""
