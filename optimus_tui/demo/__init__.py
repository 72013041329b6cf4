"""The system that ``optimus-tui demo`` shows: a real server, the reference project, traffic, scenarios."""
