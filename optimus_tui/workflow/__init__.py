"""The state machine of an incident: events change its state and cause effects. Pure: no file, no clock, no network."""
