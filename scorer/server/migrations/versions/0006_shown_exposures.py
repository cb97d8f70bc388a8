"""A column that says whether a model's owner shows the exposures of its diagnostics to everybody."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the column: nobody shows them until they say so."""
    no = sa.false()
    column: sa.Column[bool] = sa.Column("shows_exposures", sa.Boolean(), nullable=False, server_default=no)
    with op.batch_alter_table("model_profile") as batch_op:
        batch_op.add_column(column)


def downgrade() -> None:
    """Remove the column."""
    with op.batch_alter_table("model_profile") as batch_op:
        batch_op.drop_column("shows_exposures")
