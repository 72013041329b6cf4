"""The wizard that finds out how the names of a system are read, and writes the profile into the user's file."""
