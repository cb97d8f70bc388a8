"""The tables of the server's database.

`READ_MODEL` mirrors chain and bundles, and can be made anew from them. All other tables hold what only the
server knows: accounts, keys, and uploads. Amounts are nano-NMR, shares ppm, times Unix seconds.
"""

from typing import Final

import sqlalchemy as sa

METADATA: Final = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)
ADDRESS: Final = sa.String(42)
HASH: Final = sa.String(66)
"""32 bytes in hex with 0x."""


def _amount(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def _time(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=nullable)


CURSOR: Final = sa.Table(
    "cursor",
    METADATA,
    sa.Column("chain_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("tournament", ADDRESS, primary_key=True),
    sa.Column("block", sa.BigInteger, nullable=False),
    sa.Column("hash", HASH, nullable=False),
    _time("timestamp"),
    sa.Column("standings_stale", sa.Boolean, nullable=False),
)
"""The finalised block up to which the read model follows."""
ROUND: Final = sa.Table(
    "round",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("state", sa.SmallInteger, nullable=False),
    _time("open_at"),
    _time("close_at"),
    _time("resolve_at"),
    _time("deadline"),
    sa.Column("cap", sa.Integer, nullable=False),
    sa.Column("payout_factor", sa.Integer, nullable=False),
    _amount("threshold"),
    _amount("minimum_position"),
    _amount("at_risk"),
    _amount("valid_at_risk"),
    _amount("reserved"),
    _amount("paid"),
    _amount("burned"),
    sa.Column("rules_hash", HASH, nullable=False),
    sa.Column("universe", HASH, nullable=False),
    sa.Column("submissions_root", HASH, nullable=False),
    sa.Column("positions_head", HASH, nullable=False),
    sa.Column("is_over", sa.Boolean, nullable=False),
    sa.Column("rules", sa.Text),
    sa.Column("is_scored", sa.Boolean, nullable=False),
    sa.Index(None, "open_at"),
    sa.Index(None, "is_over"),
)
"""Rounds as the chain has them; `rules` is the rules document, once a bundle of the round was taken."""
MODEL: Final = sa.Table(
    "model",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("owner", ADDRESS, nullable=False, index=True),
    sa.Column("submitter", ADDRESS, nullable=False),
    _time("registered_at"),
)
LANE: Final = sa.Table(
    "lane",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("model", sa.Integer, nullable=False, unique=True),
    _amount("idle"),
)
"""The idle stake of each model that ever had one."""
MOVEMENT: Final = sa.Table(
    "movement",
    METADATA,
    sa.Column("block", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("log_index", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("transaction_hash", HASH, nullable=False),
    _time("at"),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("model", sa.Integer, nullable=False, index=True),
    sa.Column("account", ADDRESS, nullable=False, index=True),
    _amount("amount"),
)
"""Deposits and withdrawals; `account` paid or received."""
RESULT: Final = sa.Table(
    "result",
    METADATA,
    sa.Column("model", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("round", sa.Integer, primary_key=True, autoincrement=False),
    _amount("position"),
    sa.Column("reward_score", sa.Integer),
    sa.Column("rate", sa.Integer),
    _amount("payout", nullable=True),
    _amount("burn", nullable=True),
    sa.Column("transaction_hash", HASH),
    _time("settled_at", nullable=True),
    sa.Column("is_silent", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Index(None, "round", "model", "position", "payout", "burn", "reward_score"),
    sqlite_with_rowid=False,
)
"""A model's part in a round: its position, and once the round is settled and its bundle came, the outcome.
A silent one earned nothing, as its predictions were demanded and not shown.

Rows lie by model; the index has what a round's page sorts and counts of all models, all in one place."""
COUNTED_REWARD: Final = sa.case((RESULT.c.is_silent, 0), else_=RESULT.c.reward_score)
"""The reward score that a model was settled by, ppm: that of a silent one is taken for 0."""
SCORE: Final = sa.Table(
    "score",
    METADATA,
    sa.Column("model", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("round", sa.Integer, primary_key=True, autoincrement=False, index=True),
    sa.Column("factor", sa.String(80), primary_key=True),
    sa.Column("value", sa.Float(53), nullable=False),
    sa.Column("percentile", sa.Float(53), nullable=False),
    sqlite_with_rowid=False,
)
"""Final scores by factor; `percentile` is the share of the round's models below."""
ROUND_SCORE_SUMMARY: Final = sa.Table(
    "round_score_summary",
    METADATA,
    sa.Column("round", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("factor", sa.String(80), primary_key=True),
    sa.Column("median", sa.Float(53), nullable=False),
)
"""Final scores of all models of a round: `median` is the highest with at most half of the models below."""
INTERIM_DAY: Final = sa.Table(
    "interim_day",
    METADATA,
    sa.Column("round", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("days", sa.Integer, nullable=False),
    sa.Column("session", sa.String(10), nullable=False),
)
"""The days of rounds that still run of which members agree: `day` of `days` sessions, the last one's date."""
INTERIM_SCORE: Final = sa.Table(
    "interim_score",
    METADATA,
    sa.Column("model", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("round", sa.Integer, primary_key=True, autoincrement=False, index=True),
    sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("reward_score", sa.Integer, nullable=False),
    sa.Column("scores", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)
"""Scores of such a day: `scores` is a JSON object, value in ppm and percentile by factor. A round's are gone
once it is over: 365 rounds of 10,000 models and 20 days would be 73 million rows a year."""
STANDING: Final = sa.Table(
    "standing",
    METADATA,
    sa.Column("holder", sa.String(42), primary_key=True),
    sa.Column("is_account", sa.Boolean, nullable=False),
    sa.Column("rank", sa.Integer, nullable=False),
    sa.Column("rounds", sa.Integer, nullable=False),
    sa.Column("reward", sa.Float(53), nullable=False),
    *(_amount(f"{part}_{days}") for days in (1, 91, 364) for part in ("net", "at_risk")),
    _amount("net_all"),
    _amount("at_risk_all"),
    *(sa.Column(f"rank_{days}", sa.Integer) for days in (1, 91, 364)),
    sa.Index(None, "is_account", "rank"),
)
"""Models and accounts by rank: `holder` is a model's number or an address.

`reward` is the mean reward score of the year before the newest round that was scored, `net_91` what was
earned in the 91 days before it, `at_risk_91` the sum of positions then, and `rank_91` the rank of that time,
empty for whoever had none.
"""
STANDING_SCORE: Final = sa.Table(
    "standing_score",
    METADATA,
    sa.Column("holder", sa.String(42), primary_key=True),
    sa.Column("factor", sa.String(80), primary_key=True),
    sa.Column("mean", sa.Float(53), nullable=False),
    sa.Column("rank", sa.Integer, nullable=False),
)
"""Mean scores of the same year, and their ranks."""
READ_MODEL: Final = (
    CURSOR,
    ROUND,
    MODEL,
    LANE,
    MOVEMENT,
    RESULT,
    SCORE,
    ROUND_SCORE_SUMMARY,
    INTERIM_DAY,
    INTERIM_SCORE,
    STANDING,
    STANDING_SCORE,
)

ACCOUNT: Final = sa.Table(
    "account",
    METADATA,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("username", sa.String(30), nullable=False),
    sa.Column("username_key", sa.String(30), nullable=False, unique=True),
    sa.Column("wallet", ADDRESS, unique=True),
    _time("created_at"),
    sa.Column("bio", sa.Text, nullable=False),
    sa.Column("link_url", sa.Text, nullable=False),
    sa.Column("link_text", sa.Text, nullable=False),
)
"""Whoever takes part; `username_key` is the name in small letters, and `wallet` empty for one without."""
API_KEY: Final = sa.Table(
    "api_key",
    METADATA,
    sa.Column("public_id", sa.String(32), primary_key=True),
    sa.Column("account", sa.ForeignKey("account.id"), nullable=False, index=True),
    sa.Column("name", sa.String(60), nullable=False),
    sa.Column("secret_hash", sa.String(64), nullable=False),
    sa.Column("scopes", sa.Text, nullable=False),
    _time("created_at"),
    _time("revoked_at", nullable=True),
)
"""Keys of programs. Secrets have 256 bits, so a plain SHA-256 of one cannot be searched."""
SESSION: Final = sa.Table(
    "session",
    METADATA,
    sa.Column("token_hash", sa.String(64), primary_key=True),
    sa.Column("account", sa.ForeignKey("account.id"), nullable=False, index=True),
    _time("expires_at"),
)
"""Logins of people, by wallet."""
LOGIN_NONCE: Final = sa.Table(
    "login_nonce",
    METADATA,
    sa.Column("nonce", sa.String(32), primary_key=True),
    _time("expires_at"),
)
"""Numbers for messages that wallets sign, each of which logs in once."""
INVITATION: Final = sa.Table(
    "invitation",
    METADATA,
    sa.Column("code_hash", sa.String(64), primary_key=True),
    sa.Column("note", sa.String(200), nullable=False),
    _time("created_at"),
    _time("expires_at"),
    sa.Column("account", sa.ForeignKey("account.id"), unique=True),
)
"""Invitations, and the account that took each."""
MODEL_PROFILE: Final = sa.Table(
    "model_profile",
    METADATA,
    sa.Column("model", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("account", sa.ForeignKey("account.id"), index=True),
    sa.Column("name", sa.String(40), nullable=False),
    sa.Column("name_key", sa.String(40), nullable=False, unique=True),
    *(sa.Column(name, sa.Text, nullable=False) for name in ("bio", "link_url", "link_text")),
    sa.Column("webhook", sa.Text),
    sa.Column("webhook_salt", sa.String(32)),
    sa.Column("webhook_owner", ADDRESS),
    sa.Column("shows_exposures", sa.Boolean, nullable=False, server_default=sa.false()),
)
"""Names and pages. `account` holds a model of the operator's; `webhook_owner` owned it when it was set."""
UPLOAD: Final = sa.Table(
    "upload",
    METADATA,
    sa.Column("filename", sa.String(120), primary_key=True),
    sa.Column("account", sa.ForeignKey("account.id"), nullable=False, index=True),
    sa.Column("model", sa.Integer),
    sa.Column("purpose", sa.String(16), nullable=False),
    sa.Column("most_bytes", sa.BigInteger, nullable=False),
    _time("expires_at"),
    _time("used_at", nullable=True),
    sa.Column("signed_round", sa.Integer),
    sa.Column("signed_content", HASH),
    sa.Column("signature", sa.String(132)),
    sa.Column("size", sa.BigInteger),
    sa.Index(None, "used_at"),
)
"""Files that accounts may upload, `size` bytes of them sent; `signature` is the submitter's, of a gateway."""
SUBMISSION: Final = sa.Table(
    "submission",
    METADATA,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("model", sa.Integer, nullable=False),
    sa.Column("round", sa.Integer, nullable=False),
    sa.Column("account", sa.ForeignKey("account.id"), nullable=False),
    sa.Column("filename", sa.String(120), nullable=False, unique=True),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("inbox_file", sa.String(120), nullable=False),
    _time("received_at"),
    sa.Column("trigger_id", sa.String(80)),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("reason", sa.Text),
    _time("changed_at"),
    sa.Column("content_hash", HASH),
    sa.Column("signature", sa.String(132)),
    sa.Column("receipt", sa.String(132)),
    sa.Column("held_until", sa.BigInteger, nullable=False, server_default="0"),
    sa.Index(None, "model", "received_at"),
    sa.Index(None, "state"),
)
"""All submissions. `digest` is the file's SHA-256, `receipt` our signature; see `SubmissionRecords`."""
SUBMISSION_EVENT: Final = sa.Table(
    "submission_event",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("submission", sa.ForeignKey("submission.id"), nullable=False, index=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("reason", sa.Text),
    _time("at"),
)
"""All that became of submissions; rows are only ever added."""
DELIVERY: Final = sa.Table(
    "webhook_delivery",
    METADATA,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("model", sa.Integer, nullable=False, index=True),
    sa.Column("round", sa.Integer),
    sa.Column("opening", sa.String(40), unique=True),
    _time("created_at"),
    _time("due_at", nullable=True),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("result", sa.Text),
    sa.Index(None, "due_at"),
)
"""Calls of webhooks. `opening` is model and round of a call that a round's opening caused, made once."""
DIAGNOSIS: Final = sa.Table(
    "diagnosis",
    METADATA,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("model", sa.Integer, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    _time("created_at"),
    _time("updated_at"),
    _time("due_at", nullable=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("message", sa.Text),
    sa.Column("result", sa.Text),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Index(None, "model", "created_at"),
    sa.Index(None, "due_at"),
)
"""Diagnostics of validation predictions; `digest` is the file's SHA-256, `result` a JSON document."""
ORGANISER_ACT: Final = sa.Table(
    "organiser_act",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    _time("at"),
    sa.Column("account", sa.ForeignKey("account.id"), nullable=False),
    sa.Column("username", sa.String(30), nullable=False),
    sa.Column("act", sa.String(40), nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
)
"""Acts of organisers in the console; rows are only ever added."""
PUBLIC_VERSION: Final = sa.Table(
    "public_version",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", sa.BigInteger, nullable=False),
)
"""One row: `number` is drawn anew by every transaction that changes what `PUBLIC` tables have. It is random:
a database which is put back from a copy has no number of other content."""
PUBLIC: Final = frozenset({*READ_MODEL, ACCOUNT, MODEL_PROFILE} - {CURSOR})
"""The tables from which answers are read that are kept; see `scorer.server.kept_answers`. The cursor is not
one: it moves with every block, and no such answer shows it."""
