"""Interim scores of rounds that still run."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "interim_day",
        sa.Column("round", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("session", sa.String(length=10), nullable=False),
        sa.PrimaryKeyConstraint("round", "day", name=op.f("pk_interim_day")),
    )
    op.create_table(
        "interim_score",
        sa.Column("model", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("round", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("reward_score", sa.Integer(), nullable=False),
        sa.Column("scores", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("model", "round", "day", name=op.f("pk_interim_score")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("interim_score") as batch_op:
        batch_op.create_index(batch_op.f("ix_interim_score_round"), ["round"], unique=False)


def downgrade() -> None:
    """Remove the tables."""
    op.drop_table("interim_score")
    op.drop_table("interim_day")
