"""A router's table in a database, and what of SQLAlchemy a project has already."""
