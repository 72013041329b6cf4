"""The settings screen: shows the settings in force, and changes them in the user's file."""
