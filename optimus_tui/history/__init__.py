"""What was measured or done before: rings in memory, the history file, Prometheus, the audit, incident timelines."""
