"""The state of an incident and what follows from each event. Pure: no file, no clock, no network."""
