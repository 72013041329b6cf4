"""The AI Engine: conversations, replies, and a collection per resource, for each tenant. The reference one keeps all
of it in memory."""

__version__ = "1.0.0"
