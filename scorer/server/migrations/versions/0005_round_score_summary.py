"""The median of each round's scores, so that no page has to look for it among all of them."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the table, and summarise the scores that are there."""
    op.create_table(
        "round_score_summary",
        sa.Column("round", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("factor", sa.String(length=80), nullable=False),
        sa.Column("median", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("round", "factor", name=op.f("pk_round_score_summary")),
    )
    op.execute(
        "INSERT INTO round_score_summary (round, factor, median) "
        "SELECT round, factor, max(value) FROM score WHERE percentile <= 0.5 GROUP BY round, factor"
    )


def downgrade() -> None:
    """Remove the table."""
    op.drop_table("round_score_summary")
