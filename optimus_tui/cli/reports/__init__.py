"""Pages for a terminal: stand-up, comparison of tenants, and the answers of tools."""
