"""An index by round with what its page sorts and sums: rows lie by model, all over the table."""

from alembic import op

revision = "0008"
down_revision = "0007"
NAME = "ix_result_round_model_position_payout_burn_reward_score"
COLUMNS = ["round", "model", "position", "payout", "burn", "reward_score"]


def upgrade() -> None:
    """Put the index in place of that of rounds alone."""
    op.create_index(NAME, "result", COLUMNS)
    op.drop_index("ix_result_round", "result")


def downgrade() -> None:
    """Put back that of rounds alone."""
    op.create_index("ix_result_round", "result", ["round"])
    op.drop_index(NAME, "result")
