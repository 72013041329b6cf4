"""Mutable pictures of the keyspace, fed page by page, asked for frozen reports. Pure: no I/O, no clock."""
