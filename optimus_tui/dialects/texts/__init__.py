"""Profiles as text: what their rules mean, and TOML to paste."""
