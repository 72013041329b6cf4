"""The incident on the command line: its verbs, its steps and its words."""
