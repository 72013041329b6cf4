"""The AI Engine: conversations, replies, and a collection per resource, for each tenant. Kept in Postgres
where POSTGRES_DSN is set, otherwise in memory."""

__version__ = "1.0.0"
