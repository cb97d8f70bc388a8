"""The tables of the first release."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    _create_account()
    _create_cursor()
    _create_diagnosis()
    _create_lane()
    _create_login_nonce()
    _create_model()
    _create_movement()
    _create_result()
    _create_round()
    _create_score()
    _create_standing()
    _create_standing_score()
    _create_webhook_delivery()
    _create_api_key()
    _create_invitation()
    _create_model_profile()
    _create_session()
    _create_submission()
    _create_upload()
    _create_submission_event()


def downgrade() -> None:
    """Remove the tables."""
    op.drop_table("submission_event")
    op.drop_table("upload")
    op.drop_table("submission")
    op.drop_table("session")
    op.drop_table("model_profile")
    op.drop_table("invitation")
    op.drop_table("api_key")
    op.drop_table("webhook_delivery")
    op.drop_table("standing_score")
    op.drop_table("standing")
    op.drop_table("score")
    op.drop_table("round")
    op.drop_table("result")
    op.drop_table("movement")
    op.drop_table("model")
    op.drop_table("login_nonce")
    op.drop_table("lane")
    op.drop_table("diagnosis")
    op.drop_table("cursor")
    op.drop_table("account")


def _create_account() -> None:
    op.create_table(
        "account",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("username", sa.String(length=30), nullable=False),
        sa.Column("username_key", sa.String(length=30), nullable=False),
        sa.Column("wallet", sa.String(length=42), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("bio", sa.Text(), nullable=False),
        sa.Column("link_url", sa.Text(), nullable=False),
        sa.Column("link_text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("username_key", name=op.f("uq_account_username_key")),
        sa.UniqueConstraint("wallet", name=op.f("uq_account_wallet")),
    )


def _create_cursor() -> None:
    op.create_table(
        "cursor",
        sa.Column("chain_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("tournament", sa.String(length=42), nullable=False),
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=66), nullable=False),
        sa.Column("timestamp", sa.BigInteger(), nullable=False),
        sa.Column("standings_stale", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("chain_id", "tournament", name=op.f("pk_cursor")),
    )


def _create_diagnosis() -> None:
    op.create_table(
        "diagnosis",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("model", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_diagnosis")),
    )
    with op.batch_alter_table("diagnosis", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_diagnosis_due_at"), ["due_at"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_diagnosis_model_created_at"), ["model", "created_at"], unique=False
        )


def _create_lane() -> None:
    op.create_table(
        "lane",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("model", sa.Integer(), nullable=False),
        sa.Column("idle", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_lane")),
        sa.UniqueConstraint("model", name=op.f("uq_lane_model")),
    )


def _create_login_nonce() -> None:
    op.create_table(
        "login_nonce",
        sa.Column("nonce", sa.String(length=32), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("nonce", name=op.f("pk_login_nonce")),
    )


def _create_model() -> None:
    op.create_table(
        "model",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("owner", sa.String(length=42), nullable=False),
        sa.Column("submitter", sa.String(length=42), nullable=False),
        sa.Column("registered_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model")),
    )
    with op.batch_alter_table("model", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_model_owner"), ["owner"], unique=False)


def _create_movement() -> None:
    op.create_table(
        "movement",
        sa.Column("block", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("log_index", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("transaction_hash", sa.String(length=66), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("model", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(length=42), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("block", "log_index", name=op.f("pk_movement")),
    )
    with op.batch_alter_table("movement", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_movement_account"), ["account"], unique=False)
        batch_op.create_index(batch_op.f("ix_movement_model"), ["model"], unique=False)


def _create_result() -> None:
    op.create_table(
        "result",
        sa.Column("model", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("round", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("reward_score", sa.Integer(), nullable=True),
        sa.Column("rate", sa.Integer(), nullable=True),
        sa.Column("payout", sa.BigInteger(), nullable=True),
        sa.Column("burn", sa.BigInteger(), nullable=True),
        sa.Column("transaction_hash", sa.String(length=66), nullable=True),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("model", "round", name=op.f("pk_result")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("result", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_result_round"), ["round"], unique=False)


def _create_round() -> None:
    op.create_table(
        "round",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("open_at", sa.BigInteger(), nullable=False),
        sa.Column("close_at", sa.BigInteger(), nullable=False),
        sa.Column("resolve_at", sa.BigInteger(), nullable=False),
        sa.Column("deadline", sa.BigInteger(), nullable=False),
        sa.Column("cap", sa.Integer(), nullable=False),
        sa.Column("payout_factor", sa.Integer(), nullable=False),
        sa.Column("threshold", sa.BigInteger(), nullable=False),
        sa.Column("minimum_position", sa.BigInteger(), nullable=False),
        sa.Column("at_risk", sa.BigInteger(), nullable=False),
        sa.Column("valid_at_risk", sa.BigInteger(), nullable=False),
        sa.Column("reserved", sa.BigInteger(), nullable=False),
        sa.Column("paid", sa.BigInteger(), nullable=False),
        sa.Column("burned", sa.BigInteger(), nullable=False),
        sa.Column("rules_hash", sa.String(length=66), nullable=False),
        sa.Column("universe", sa.String(length=66), nullable=False),
        sa.Column("submissions_root", sa.String(length=66), nullable=False),
        sa.Column("positions_head", sa.String(length=66), nullable=False),
        sa.Column("is_over", sa.Boolean(), nullable=False),
        sa.Column("rules", sa.Text(), nullable=True),
        sa.Column("is_scored", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_round")),
    )
    with op.batch_alter_table("round", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_round_is_over"), ["is_over"], unique=False)
        batch_op.create_index(batch_op.f("ix_round_open_at"), ["open_at"], unique=False)


def _create_score() -> None:
    op.create_table(
        "score",
        sa.Column("model", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("round", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("factor", sa.String(length=80), nullable=False),
        sa.Column("value", sa.Float(precision=53), nullable=False),
        sa.Column("percentile", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("model", "round", "factor", name=op.f("pk_score")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("score", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_score_round"), ["round"], unique=False)


def _create_standing() -> None:
    op.create_table(
        "standing",
        sa.Column("holder", sa.String(length=42), nullable=False),
        sa.Column("is_account", sa.Boolean(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("rounds", sa.Integer(), nullable=False),
        sa.Column("reward", sa.Float(precision=53), nullable=False),
        sa.Column("net_1", sa.BigInteger(), nullable=False),
        sa.Column("at_risk_1", sa.BigInteger(), nullable=False),
        sa.Column("net_91", sa.BigInteger(), nullable=False),
        sa.Column("at_risk_91", sa.BigInteger(), nullable=False),
        sa.Column("net_364", sa.BigInteger(), nullable=False),
        sa.Column("at_risk_364", sa.BigInteger(), nullable=False),
        sa.Column("net_all", sa.BigInteger(), nullable=False),
        sa.Column("at_risk_all", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("holder", name=op.f("pk_standing")),
    )
    with op.batch_alter_table("standing", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_standing_is_account_rank"), ["is_account", "rank"], unique=False)


def _create_standing_score() -> None:
    op.create_table(
        "standing_score",
        sa.Column("holder", sa.String(length=42), nullable=False),
        sa.Column("factor", sa.String(length=80), nullable=False),
        sa.Column("mean", sa.Float(precision=53), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("holder", "factor", name=op.f("pk_standing_score")),
    )


def _create_webhook_delivery() -> None:
    op.create_table(
        "webhook_delivery",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("model", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=True),
        sa.Column("opening", sa.String(length=40), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("result", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_delivery")),
        sa.UniqueConstraint("opening", name=op.f("uq_webhook_delivery_opening")),
    )
    with op.batch_alter_table("webhook_delivery", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_webhook_delivery_due_at"), ["due_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_webhook_delivery_model"), ["model"], unique=False)


def _create_api_key() -> None:
    op.create_table(
        "api_key",
        sa.Column("public_id", sa.String(length=32), nullable=False),
        sa.Column("account", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account"], ["account.id"], name=op.f("fk_api_key_account")),
        sa.PrimaryKeyConstraint("public_id", name=op.f("pk_api_key")),
    )
    with op.batch_alter_table("api_key", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_api_key_account"), ["account"], unique=False)


def _create_invitation() -> None:
    op.create_table(
        "invitation",
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("account", sa.String(length=36), nullable=True),
        sa.ForeignKeyConstraint(["account"], ["account.id"], name=op.f("fk_invitation_account")),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("pk_invitation")),
        sa.UniqueConstraint("account", name=op.f("uq_invitation_account")),
    )


def _create_model_profile() -> None:
    op.create_table(
        "model_profile",
        sa.Column("model", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("account", sa.String(length=36), nullable=True),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("name_key", sa.String(length=40), nullable=False),
        sa.Column("bio", sa.Text(), nullable=False),
        sa.Column("link_url", sa.Text(), nullable=False),
        sa.Column("link_text", sa.Text(), nullable=False),
        sa.Column("webhook", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["account"], ["account.id"], name=op.f("fk_model_profile_account")),
        sa.PrimaryKeyConstraint("model", name=op.f("pk_model_profile")),
        sa.UniqueConstraint("name_key", name=op.f("uq_model_profile_name_key")),
    )
    with op.batch_alter_table("model_profile", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_model_profile_account"), ["account"], unique=False)


def _create_session() -> None:
    op.create_table(
        "session",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("account", sa.String(length=36), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["account.id"], name=op.f("fk_session_account")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_session")),
    )
    with op.batch_alter_table("session", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_session_account"), ["account"], unique=False)


def _create_submission() -> None:
    op.create_table(
        "submission",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("model", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(length=36), nullable=False),
        sa.Column("filename", sa.String(length=120), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("inbox_file", sa.String(length=120), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("trigger_id", sa.String(length=80), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("content_hash", sa.String(length=66), nullable=True),
        sa.Column("signature", sa.String(length=132), nullable=True),
        sa.Column("receipt", sa.String(length=132), nullable=True),
        sa.ForeignKeyConstraint(["account"], ["account.id"], name=op.f("fk_submission_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_submission")),
        sa.UniqueConstraint("filename", name=op.f("uq_submission_filename")),
    )
    with op.batch_alter_table("submission", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_submission_model_received_at"), ["model", "received_at"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_submission_state"), ["state"], unique=False)


def _create_upload() -> None:
    op.create_table(
        "upload",
        sa.Column("filename", sa.String(length=120), nullable=False),
        sa.Column("account", sa.String(length=36), nullable=False),
        sa.Column("model", sa.Integer(), nullable=True),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("most_bytes", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.Column("signed_round", sa.Integer(), nullable=True),
        sa.Column("signed_content", sa.String(length=66), nullable=True),
        sa.Column("signature", sa.String(length=132), nullable=True),
        sa.ForeignKeyConstraint(["account"], ["account.id"], name=op.f("fk_upload_account")),
        sa.PrimaryKeyConstraint("filename", name=op.f("pk_upload")),
    )
    with op.batch_alter_table("upload", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_upload_account"), ["account"], unique=False)


def _create_submission_event() -> None:
    op.create_table(
        "submission_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("submission", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["submission"], ["submission.id"], name=op.f("fk_submission_event_submission")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_submission_event")),
    )
    with op.batch_alter_table("submission_event", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_submission_event_submission"), ["submission"], unique=False)
