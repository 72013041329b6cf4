"""The bridge from the sampling loops to messages on the screen."""
