"""Make routers from a few answers: check names, render the files in memory, and check the result.

The disk is only read, for the templates: ``actions`` writes the files.
"""
