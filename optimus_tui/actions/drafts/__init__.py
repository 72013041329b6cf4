"""Drafts of routers: planned, checked in a sandbox, and written."""
