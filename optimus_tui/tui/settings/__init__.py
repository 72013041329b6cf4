"""The settings screen: what is in force, and a value changed in the user's file."""
