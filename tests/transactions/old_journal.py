"""A journal as the first releases wrote it, without a version: for tests of what becomes of one."""

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

METADATA = sa.MetaData()
INTENT = sa.Table(
    "intent",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("account", sa.String(42), nullable=False),
    sa.Column("to", sa.String(42), nullable=False),
    sa.Column("data", sa.LargeBinary, nullable=False),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("gas", sa.BigInteger, nullable=False),
    sa.Column("not_after", sa.BigInteger),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("nonce", sa.BigInteger),
    sa.Column("block", sa.BigInteger),
    sa.Column("gas_used", sa.BigInteger),
    sa.Column("ok", sa.Boolean),
    sa.Column("finished_at", sa.BigInteger),
    sa.UniqueConstraint("key", "generation"),
    sa.UniqueConstraint("account", "nonce"),
)
ATTEMPT = sa.Table(
    "attempt",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("hash", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("intent", sa.ForeignKey("intent.id"), nullable=False),
    sa.Column("raw", sa.LargeBinary, nullable=False),
    sa.Column("tip", sa.Text, nullable=False),
    sa.Column("cap", sa.Text, nullable=False),
    sa.Column("cancels", sa.Boolean, nullable=False),
    sa.Column("signed_at", sa.BigInteger, nullable=False),
    sa.Column("refusal", sa.String(48)),
    sa.Column("least_tip", sa.Text, nullable=False),
)
EVENT = sa.Table(
    "event",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.String(48), nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
)
NOTE = sa.Table(
    "note",
    METADATA,
    sa.Column("key", sa.String(200), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
KEYS = (
    "137:0xAb:7:settle:1",
    "137:0xAb:7:challenge",
    "137:0xAb:0:open:ffff",
    "gap:0xme:3",
    "deploy:x#1",
    "137:0xAb:8:attest:aa:none",
)
NOTES = (
    ("title", "0xme:deposit:0xT:1:25", "deposit 25 NMR"),
    ("told", "0xme:deposit:0xT:1:25", "1"),
    ("ceiling", "0xme:deposit:0xT:1:25#0", "7"),
    ("ceiling", "0xme:deposit:0xT:1:25#1", str(2**70)),
    ("title", "0xme:register:0xR:0xme", "register"),
    ("told", "0xme:approve:0xT", "3"),
)
"""What a person asked for, in notes whose keys begin with what they say."""
STATES = ("final", "final", "final", "cancelled", "failed", "sent")


def write(location: str | Path, copies: int = 1) -> None:
    """Write one, with acts of all kinds, `copies` times."""
    url = str(location) if "://" in str(location) else f"sqlite:///{location}"
    engine = sa.create_engine(url, poolclass=NullPool)
    METADATA.create_all(engine)
    with engine.begin() as connection:
        for number in range(copies * len(KEYS)):
            kind, copy = number % len(KEYS), number // len(KEYS)
            state = STATES[kind]
            connection.execute(
                sa.insert(INTENT).values(
                    id=number + 1,
                    key=KEYS[kind],
                    generation=copy,
                    account="0xme",
                    to="0xt",
                    data=b"call",
                    value="1",
                    gas=21_000,
                    state=state,
                    nonce=number,
                    block=None if state == "sent" else number,
                    finished_at=None if state == "sent" else number,
                )
            )
            connection.execute(
                sa.insert(ATTEMPT).values(
                    hash=number.to_bytes(32, "big"),
                    intent=number + 1,
                    raw=b"raw",
                    tip="1",
                    cap="2",
                    cancels=False,
                    signed_at=number,
                    least_tip="0",
                )
            )
        connection.execute(sa.insert(EVENT).values(at=1, kind="CEILING", detail="x"))
        notes = [("n", "1"), *((f"{prefix}:{key}", value) for prefix, key, value in NOTES)]
        connection.execute(sa.insert(NOTE), [{"key": key, "value": value} for key, value in notes])
