"""The tool that examines one symptom, and the readings that it needs."""
