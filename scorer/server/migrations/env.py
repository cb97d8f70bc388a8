"""Runs migrations on the connection that `scorer.server.database` opened."""

from alembic import context

from scorer.server.tables import METADATA

connection = context.config.attributes["connection"]
# SQLite cannot change a column: Alembic copies the table there.
context.configure(connection=connection, target_metadata=METADATA, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
