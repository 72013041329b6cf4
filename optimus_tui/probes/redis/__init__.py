"""The guarded Redis client: what it may send, how it connects, and the caps of its replies."""
