"""Ranks of a day, 13 weeks and a year before, beside those of today; all are ranked anew."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, and let the worker fill them."""
    for days in (1, 91, 364):
        op.add_column("standing", sa.Column(f"rank_{days}", sa.Integer))
    op.execute(sa.text("UPDATE cursor SET standings_stale = true"))


def downgrade() -> None:
    """Remove the columns."""
    for days in (1, 91, 364):
        op.drop_column("standing", f"rank_{days}")
