"""The tool that looks at cache coherence: events, keys and audit."""
