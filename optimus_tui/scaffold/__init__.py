"""Routers from a few answers: names checked, files rendered in memory, and judged before anybody sees them.

It refuses to touch the disk, except to read its own templates: writing is ``actions.files``.
"""
