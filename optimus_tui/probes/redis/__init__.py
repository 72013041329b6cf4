"""The observer's Redis client: which commands it may send, how it connects, and how large a reply may be."""
