"""Durable private files: opened safely, locked with a time limit, and on the disk before they count."""
