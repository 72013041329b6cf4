"""The base of the application's tables: alembic's target_metadata is Base.metadata.

Written by Optimus TUI; it is yours to change.
"""

from sqlalchemy.orm import DeclarativeBase


class Base(DeclarativeBase):
    """The base of every table."""
