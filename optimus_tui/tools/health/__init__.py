"""The tool that tells how everything is right now."""
