"""The tool that examines cache coherence: events, keys and audit."""
