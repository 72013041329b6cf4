"""Profiles: how the names, values, events and answers of somebody's system are to be read, as data."""
