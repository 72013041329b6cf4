"""The tool that measures performance over a window."""
