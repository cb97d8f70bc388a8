"""Changes of the database's schema from release to release, in Alembic's form."""
