"""Drills on the screen, in the demo only."""
