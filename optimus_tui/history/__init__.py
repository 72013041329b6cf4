"""What was measured before: short rings in memory."""
