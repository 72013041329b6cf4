"""Verbs about routers: generate, validate, list the rules, start a project."""
