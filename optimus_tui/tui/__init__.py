"""The full-screen surface. Holds no verdict of its own."""
