"""The engine's data in Postgres. Imported only where POSTGRES_DSN is set; needs the extra `postgres`."""
