"""The screen of one tenant."""
