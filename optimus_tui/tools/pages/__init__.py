"""A tool's answer as sections with written figures, the same on the screen and on the terminal."""
