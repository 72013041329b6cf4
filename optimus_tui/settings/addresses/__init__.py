"""Addresses of servers as people write them: Redis, HTTP, Postgres and TLS files."""
