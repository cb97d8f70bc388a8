"""Ranks of earlier days beside those of today, all made anew, and the acts of organisers."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add columns and table, and let the worker fill the columns."""
    with op.batch_alter_table("standing") as batch_op:
        for days in (1, 91, 364):
            batch_op.add_column(sa.Column(f"rank_{days}", sa.Integer(), nullable=True))
    cursor = sa.table("cursor", sa.column("standings_stale", sa.Boolean()))
    op.execute(sa.update(cursor).values(standings_stale=True))
    op.create_table(
        "organiser_act",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("account", sa.String(length=36), nullable=False),
        sa.Column("username", sa.String(length=30), nullable=False),
        sa.Column("act", sa.String(length=40), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["account.id"], name=op.f("fk_organiser_act_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organiser_act")),
    )


def downgrade() -> None:
    """Remove them."""
    op.drop_table("organiser_act")
    with op.batch_alter_table("standing") as batch_op:
        for days in (1, 91, 364):
            batch_op.drop_column(f"rank_{days}")
