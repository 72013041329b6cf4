"""The tool that validates routers."""
