"""Check routers against the enterprise patterns from their syntax trees: what is missing, where, and the remedy.

The code that is checked is never run.
"""
