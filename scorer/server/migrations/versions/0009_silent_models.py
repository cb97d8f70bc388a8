"""A column that says whether a model's predictions were demanded and not shown, so that it earned nothing."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the column: before there were demands, nobody was silent."""
    no = sa.false()
    column: sa.Column[bool] = sa.Column("is_silent", sa.Boolean(), nullable=False, server_default=no)
    with op.batch_alter_table("result") as batch_op:
        batch_op.add_column(column)


def downgrade() -> None:
    """Remove the column."""
    with op.batch_alter_table("result") as batch_op:
        batch_op.drop_column("is_silent")
