"""What came of actions and checks in an incident."""
