"""Leases of submissions, sizes of uploads, tries of diagnostics, and secrets of webhooks that can change."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns."""
    with op.batch_alter_table("upload") as batch_op:
        batch_op.add_column(sa.Column("size", sa.BigInteger(), nullable=True))
        batch_op.create_index(batch_op.f("ix_upload_used_at"), ["used_at"], unique=False)
    with op.batch_alter_table("submission") as batch_op:
        batch_op.add_column(sa.Column("held_until", sa.BigInteger(), nullable=False, server_default="0"))
    with op.batch_alter_table("model_profile") as batch_op:
        batch_op.add_column(sa.Column("webhook_salt", sa.String(length=32), nullable=True))
        batch_op.add_column(sa.Column("webhook_owner", sa.String(length=42), nullable=True))
    owner = "SELECT owner FROM model WHERE model.id = model_profile.model"
    op.execute(f"UPDATE model_profile SET webhook_owner = ({owner}) WHERE webhook IS NOT NULL")  # noqa: S608
    with op.batch_alter_table("diagnosis") as batch_op:
        batch_op.add_column(sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    """Remove the columns."""
    with op.batch_alter_table("diagnosis") as batch_op:
        batch_op.drop_column("attempts")
    with op.batch_alter_table("model_profile") as batch_op:
        batch_op.drop_column("webhook_owner")
        batch_op.drop_column("webhook_salt")
    with op.batch_alter_table("submission") as batch_op:
        batch_op.drop_column("held_until")
    with op.batch_alter_table("upload") as batch_op:
        batch_op.drop_index(batch_op.f("ix_upload_used_at"))
        batch_op.drop_column("size")
