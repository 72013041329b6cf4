"""What an incident is and what follows from each event: pure. No file, no clock, no network."""
