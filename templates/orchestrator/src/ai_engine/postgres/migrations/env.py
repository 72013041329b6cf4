"""Where alembic connects: with the engine's own connection when it starts, with POSTGRES_DSN on the command line."""

from alembic import context
from sqlalchemy import Connection

from ai_engine.postgres.tables import metadata


def migrate(connection: Connection) -> None:
    """Bring the schema to the revision that was asked for."""
    context.configure(connection=connection, target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    context.configure(dialect_name="postgresql", target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()
elif (given := context.config.attributes.get("connection")) is not None:
    migrate(given)
else:
    import os

    import psycopg
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    dsn = os.environ["POSTGRES_DSN"]
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(dsn), poolclass=NullPool)
    with engine.connect() as opened:
        migrate(opened)
