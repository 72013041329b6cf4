"""The tools over the Model Context Protocol, by the official SDK's low-level server, on stdio and streamable HTTP.

Names, schemas and answers come from the registry. Importing the SDK takes most of a second, so only the verb ``mcp``
does.
"""
