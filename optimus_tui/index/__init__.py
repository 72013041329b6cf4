"""Mutable in-memory indexes of the keyspace: filled page by page, read as frozen reports. Pure: no I/O, no clock."""
