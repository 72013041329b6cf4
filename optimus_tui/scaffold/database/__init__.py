"""A router's table in a database, and the SQLAlchemy code that a project has already."""
