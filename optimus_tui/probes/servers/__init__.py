"""The servers themselves: Redis and its memory and slow commands, and Postgres."""
