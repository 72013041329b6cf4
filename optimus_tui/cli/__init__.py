"""The command line: parse the arguments, ask the tools, print the answers."""
