"""What was measured before: rings in memory, the history file, Prometheus, the audit and the incidents' timelines."""
