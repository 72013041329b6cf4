"""What a profile understands of the names that are there, and which one fits."""
